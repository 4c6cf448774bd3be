// The paper's small scale through the whole road, with random dense parents: 590 M parameters each,
// upcycled to BAM with expert KV (776 M), two steps of training on two ranks. Takes 30 GB of disk.
#include <gtest/gtest.h>

#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "io/checkpoint_draft.h"
#include "io/checkpoint_reader.h"
#include "io/content_hash.h"
#include "io/run_config.h"
#include "io/text_file.h"
#include "launch/child_process.h"
#include "launch/mpi_launcher.h"
#include "runtime/random.h"
#include "tests/io/made_token_data.h"
#include "tests/io/temporary_folder.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;
const fs::path kModels = fs::path(BAM_SOURCE_DIR) / "launch/recipes/models";

void write_parent(const fs::path& folder, std::uint64_t seed) {
  const CheckpointInfo info{.step = 1, .tokens_phase = 1, .tokens_cumulative = 1,
                            .config = read_run_or_model_config(kModels / "590m-dense.textproto"),
                            .tokenizer = "made", .parents = {}};
  const auto specs = parameter_specs(model_config_of(info.config.model(), "590m-dense"));
  const proto::Manifest layout =
      begin_draft(folder, info.step, specs,
                  [](StateKind kind, const ParameterSpec&) { return kind == StateKind::kWeight; });
  TileWriter writer(draft_folder(folder, info.step) / kDataFile, layout);
  Memory memory;
  Stream stream(memory);
  for (const Tile& tile : tiles_of(specs)) {
    const ParameterSpec& spec = specs[static_cast<std::size_t>(tile.spec)];
    const Tensor values = initial_values(stream, spec, seed, tile.begin, tile.end);
    writer.write(StateKind::kWeight, spec, tile.begin, values.span<float>());
  }
  commit_draft(folder, layout, info, {writer.finish()}, {});
}

// Random documents over the whole vocabulary.
void write_data(const fs::path& folder, const std::string& domain) {
  std::vector<Ids> documents(8);
  const Random random(1, domain);
  std::uint64_t next = 0;
  for (Ids& ids : documents) {
    for (int i = 0; i < 200; ++i) {
      ids.push_back(static_cast<std::int32_t>(3 + random.uniform(next++) * 255000));
    }
  }
  made_token_data(folder / (domain + ".h5"), documents, {documents[0]}, 256000,
                  hex_of(hash_of(std::string_view("made"))));
}

std::string run_config(const fs::path& folder) {
  std::string text = "model {\n" + read_file(kModels / "590m-bam-expert-kv.textproto") + "}\n";
  text += "data { sequence_length: 128\n";
  for (const char* domain : {"general", "code", "law", "math"}) {
    text += message_of("domains { name: '", domain, "' path: '", (folder / domain).string(), ".h5' }\n");
  }
  return text + "}\ntraining { steps: 2 sequences_per_step: 4 }\noptimizer { learning_rate: 1e-4 }\n" +
         message_of("init_from: '", (folder / "mixture").string(), "'\n");
}

TEST(PaperScale, UpcyclesAndTrainsTwoStepsUnderTwentyGiB) {
  const TemporaryFolder folder;
  write_file(folder / "tokenizer.model", "made");
  for (const char* domain : {"general", "code", "law", "math"}) {
    write_data(folder.path(), domain);
  }
  std::vector<std::string> upcycle = {"upcycle", "--config",
                                      (kModels / "590m-bam-expert-kv.textproto").string(),
                                      "--out", (folder / "mixture").string(), "--parents"};
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    upcycle.push_back((folder / ("dense-" + std::to_string(seed))).string());
    write_parent(upcycle.back(), seed);
  }
  write_file(folder / "run.textproto", run_config(folder.path()));
  MpiLauncher launcher = this_machine("");
  launcher.program = BAM_PROGRAM;
  ASSERT_EQ(run_child(launcher.alone(upcycle)), 0);
  const std::string out = (folder / "run").string();
  ASSERT_EQ(run_child(launcher.on_ranks(2, {"train", (folder / "run.textproto").string(), "--out", out})), 0);

  const std::string metrics = read_file(folder / "run" / "metrics.jsonl");
  const auto last = nlohmann::json::parse(metrics.substr(metrics.rfind('\n', metrics.size() - 2) + 1));
  EXPECT_EQ(last.at("step"), 2);
  EXPECT_FALSE(last.at("skipped"));
  EXPECT_NEAR(last.at("loss").get<double>(), std::log(256000.0), 1.0);
  const double resident = last.at("peak_resident_bytes").get<double>() / kGiB;
  std::cout << "peak of both ranks together: " << resident << " GiB\n";
  EXPECT_LT(resident, 20);
  EXPECT_EQ(CheckpointReader(folder / "run").step(), 2);
}

}  // namespace
}  // namespace bam
