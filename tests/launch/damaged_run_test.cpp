// A run whose newest checkpoint is damaged goes on from the one before it, and comes out the same;
// a run of another config, tokenizer, model or data is refused with what differs.
#include <gtest/gtest.h>

#include "io/checkpoint_reader.h"
#include "io/prepare_data.h"
#include "io/text_file.h"
#include "tests/launch/refusal.h"
#include "tests/launch/run_comparison.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

class DamagedRun : public ::testing::Test {
 protected:
  static Words saving_often() { return settings({"checkpoint.every=2", "checkpoint.keep_last=0"}); }

  ChildCommand command(int ranks, const std::string& config, const fs::path& run) const {
    return on_ranks(ranks, train(config, run, saving_often()));
  }

  /// Flips a bit of a data set of a checkpoint.
  static void flip(const fs::path& checkpoint, const std::string& data_set) {
    const CheckpointReader reader(checkpoint);
    for (const proto::DataSet& stored : reader.data_sets()) {
      if (stored.path() == data_set) {
        std::string bytes = read_file(checkpoint / kDataFile);
        bytes.at(static_cast<std::size_t>(stored.offset())) ^= 1;
        write_file(checkpoint / kDataFile, bytes);
        return;
      }
    }
    FAIL() << "no " << data_set;
  }

  /// Makes the checkpoint one of before manifests had hashes of the data.
  static void forget_data(const fs::path& checkpoint) {
    std::string bytes = read_file(checkpoint / kManifestFile);
    proto::Manifest manifest;
    ASSERT_TRUE(manifest.ParseFromString(bytes.substr(0, bytes.size() - sizeof(Hash128))));
    ASSERT_EQ(manifest.data_hashes_size(), 2);
    manifest.clear_data_hashes();
    bytes = manifest.SerializeAsString();
    const Hash128 hash = hash_of(bytes);
    write_file(checkpoint / kManifestFile,
               bytes.append(reinterpret_cast<const char*>(hash.data()), hash.size()));
  }

  /// Token data of that name in a folder beside the run, of any domain's text.
  fs::path made_anew(const std::string& name, const std::string& text) const {
    const SmallWorld& world = SmallWorld::get();
    prepare_data({.domains = {{name, {world.text(text)}}},
                  .out = folder_ / text,
                  .tokenizer = {},
                  .existing_tokenizer = world.data() / "tokenizer.model"},
                 [](const std::string&) {});
    return folder_ / text / (name + ".h5");
  }

  fs::path run() const { return folder_ / "run"; }
  fs::path whole() const { return folder_ / "whole"; }

 private:
  TemporaryFolder folder_;
};

TEST_F(DamagedRun, GoesOnFromTheCheckpointBefore) {
  const std::string config = SmallWorld::get().expert_kv();
  expect_code(0, command(2, config, run()));
  fs::copy(run(), whole(), fs::copy_options::recursive);
  flip(run() / "step-8", "/second_moment/layers.1.ffn.up");
  fs::remove(run() / "step-6" / kManifestFile);
  const Outcome outcome = expect_code(0, command(2, config, run()));
  EXPECT_NE(outcome.err.find("step-8/data.h5: /second_moment/layers.1.ffn.up: tile 0 is damaged"),
            std::string::npos)
      << outcome.err;
  EXPECT_NE(outcome.err.find("going on from step-4"), std::string::npos) << outcome.err;
  expect_same_checkpoint(whole(), run());
  expect_same_metrics(whole(), run(), SmallWorld::kSteps);
}

TEST_F(DamagedRun, IsRefusedWhereNoCheckpointIsWhole) {
  const std::string config = SmallWorld::get().dense();
  expect_code(0, command(1, config, run()));
  for (const char* step : {"step-2", "step-4", "step-6", "step-8"}) {
    flip(run() / step, "/weights/embedding");
  }
  expect_refusal(command(1, config, run()),
                 {"step-8/data.h5: /weights/embedding: tile 0 is damaged"}, run());
  expect_refusal(command(2, config, run()),
                 {"step-8/data.h5: /weights/embedding: tile 0 is damaged"}, run());
}

TEST_F(DamagedRun, LostItsLatest_AndNothingElse) {
  const std::string config = SmallWorld::get().dense();
  expect_code(0, command(1, config, run()));
  fs::remove(run() / "latest");
  const Outcome outcome = expect_code(0, command(1, config, run()));
  EXPECT_NE(outcome.err.find("latest: names no checkpoint"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.out.find("nothing is left to train"), std::string::npos) << outcome.out;
}

TEST_F(DamagedRun, OfAnotherConfigIsRefusedWithWhatDiffers) {
  const SmallWorld& world = SmallWorld::get();
  expect_code(0, command(1, world.expert_kv(), run()));
  const auto refused = [&](const std::string& config, const Words& assignments,
                           const Words& parts) {
    Words all = parts;
    all.push_back((run() / "step-8").string());
    expect_refusal(alone(train(config, run(), settings(assignments))), all, run());
  };
  refused(world.dense(), {}, {"model.mixture.ffn.experts: 4 against absent"});
  refused(world.shared_kv(), {}, {"key_value"});
  refused(world.expert_kv(), {"model.mixture.ffn.experts=3"}, {"mixture.ffn.experts: 4 against 3"});
  refused(world.expert_kv(), {"optimizer.learning_rate=0.01"},
          {"optimizer.learning_rate: 0.003 against 0.01"});
  refused(world.expert_kv(), {"training.seed=7"}, {"training.seed: 1 against 7"});
  refused(world.expert_kv(), {"training.precision=BF16"},
          {"training.precision: FP32 against BF16"});
  refused(world.expert_kv(), {"data.domains[1].share=3"}, {"data.domains[1].share: 2 against 3"});
  refused(world.expert_kv(), {"training.sequences_per_step=6", "optimizer.clip_norm=0"},
          {"training.sequences_per_step: 12 against 6", "optimizer.clip_norm: 1 against 0"});
  expect_code(0, alone(train(world.expert_kv(), run(),
                             settings({"training.steps=9", "training.log_every=3"}))));
}

TEST_F(DamagedRun, OfOtherDataIsRefused) {
  const std::string config = SmallWorld::get().dense();
  expect_code(0, command(1, config, run()));
  const auto with_law_of = [&](const fs::path& tokens) {
    return alone(train(config, run(),
                       settings({"training.steps=9", "data.domains[0].path=" + tokens.string()})));
  };
  const fs::path other = made_anew("law", "code");
  expect_refusal(with_law_of(other),
                 {(run() / "step-8").string() +
                      ": was trained on other data: data.domains[0].path: " + other.string() +
                      ": content hash ",
                  " was expected; in a folder of its own"},
                 run());
  fs::copy(run(), whole(), fs::copy_options::recursive);
  expect_code(0, with_law_of(made_anew("law", "law")));  // elsewhere, and the same
  fs::remove_all(run());
  fs::copy(whole(), run(), fs::copy_options::recursive);
  forget_data(run() / "step-8");
  expect_code(0, with_law_of(other));
}

}  // namespace
}  // namespace bam
