// Checkpoints: the manifest, as if its own hash were right; the data beside a sound manifest; the
// file `latest`.
#include <cstring>

#include "io/checkpoint_reader.h"
#include "io/content_hash.h"
#include "io/text_file.h"
#include "io/text_proto.h"
#include "runtime/check.h"
#include "tests/fuzz/input_file.h"
#include "tests/fuzz/targets.h"
#include "tests/io/tiny_checkpoint.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

/// A checkpoint of its own for each target, since they spoil it.
fs::path made_checkpoint(const std::string& name) {
  CheckpointInfo info{.step = 3,
                      .tokens_phase = 48,
                      .tokens_cumulative = 148,
                      .config = tiny_run_config(kTinyMixture),
                      .tokenizer = "tokenizer",
                      .parents = {}};
  Lineage seed;
  seed.set_made_by("train");
  seed.set_run("seed");
  info.parents = {seed, seed};
  write_filled(input_folder() / name, info);
  return input_folder() / name / "step-3";
}

void use(const CheckpointReader& checkpoint) {
  check(checkpoint.verify() > 0, "a checkpoint without tiles");
  check(checkpoint.lineage().manifest_hash().size() == 32, "a lineage without hash");
  text_of(checkpoint.config_text());
}

std::string with_hash(std::string_view body) {
  const Hash128 hash = hash_of(body);
  return std::string(body).append(reinterpret_cast<const char*>(hash.data()), hash.size());
}

void read_manifest_body(std::string_view bytes) {
  static const fs::path folder = made_checkpoint("manifest");
  put_file(folder / kManifestFile, with_hash(bytes));
  use(CheckpointReader(folder));
}

/// Only the data that were written are accepted.
void read_data(std::string_view bytes) {
  static const fs::path folder = made_checkpoint("data");
  static const std::string written = read_file(folder / kDataFile);
  put_file(folder / kDataFile, bytes);
  use(CheckpointReader(folder));
  check(bytes == written, "damaged data were accepted");
}

void read_latest(std::string_view bytes) {
  static const fs::path run = made_checkpoint("latest").parent_path();
  put_file(run / kLatestFile, bytes);
  const CheckpointReader checkpoint(run);
  check(checkpoint.path() == run / "step-3", "a checkpoint elsewhere");
}

std::vector<std::string> manifest_seeds() {
  const std::string whole = read_file(made_checkpoint("manifest_seed") / kManifestFile);
  proto::Manifest model_alone;
  const std::string body = whole.substr(0, whole.size() - sizeof(Hash128));
  check(model_alone.ParseFromString(body), "a manifest that cannot be read");
  model_alone.mutable_config()->clear_training();
  return {body, model_alone.SerializeAsString()};
}

std::vector<std::string> data_seeds() {
  return {read_file(made_checkpoint("data_seed") / kDataFile)};
}

std::vector<std::string> latest_seeds() { return {"step-3\n", "step-3", "../latest/step-3\n"}; }

}  // namespace

std::vector<FuzzTarget> checkpoint_targets() {
  return {{"manifest", read_manifest_body, manifest_seeds},
          {"checkpoint_data", read_data, data_seeds},
          {"latest", read_latest, latest_seeds}};
}

}  // namespace bam
