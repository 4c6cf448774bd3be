// What `bam train` says of the checkpoint that it goes on from, and what may have changed since.
#include <gtest/gtest.h>

#include "io/metrics_reader.h"
#include "io/text_file.h"
#include "tests/launch/refusal.h"
#include "tests/launch/run_comparison.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

class Resume : public ::testing::Test {
 protected:
  /// Trains in `folder`, each second step saved before the next; a fault (launch/drill.h) may end
  /// it.
  ChildCommand command(const fs::path& folder, const std::string& config, Words assignments,
                       const std::string& fault = "") const {
    assignments.insert(assignments.begin(),
                       {"checkpoint.every=2", "checkpoint.in_background=false"});
    ChildCommand command = alone(train(config, folder, settings(assignments)));
    if (!fault.empty()) {
      command.environment["BAM_DRILL"] = fault;
    }
    return command;
  }

  /// Steps whose windows the run's trace holds.
  static std::vector<std::int64_t> traced(const fs::path& run) {
    std::vector<std::int64_t> steps;
    for (const auto& window : read_metrics(run / "routing.jsonl")) {
      steps.push_back(window.at("step"));
    }
    return steps;
  }

  TemporaryFolder folder_;
};

TEST_F(Resume, TheFirstLineSaysWhereItGoesOnFrom) {
  const std::string config = SmallWorld::get().dense();
  const fs::path run = folder_ / "run";
  const Outcome first = outcome_of(command(run, config, {}, "crash@6"));
  EXPECT_NE(first.code, 0);
  EXPECT_EQ(first.out.find("going on"), std::string::npos) << first.out;
  const Outcome second = expect_code(0, command(run, config, {}));
  EXPECT_EQ(second.out.find((run / "step-4").string() + ": going on from step 4 of 8\n"), 0U)
      << second.out;
}

TEST_F(Resume, WeightsAloneAreRefusedAndSaidHowToStartFrom) {
  const std::string config = SmallWorld::get().dense();
  expect_code(0, command(folder_ / "run", config, {}));
  const fs::path copy = folder_ / "copy";
  expect_code(
      0, alone({"export", (folder_ / "run").string(), "--out", copy.string(), "--format", "hdf5"}));
  const std::string weights = (copy / "step-8").string();
  expect_refusal(
      command(copy, config, {"training.steps=9"}),
      {weights + ": holds weights only (made by export)", "init_from: \"" + weights + "\""},
      weights);
  expect_code(0, command(folder_ / "new", config, {"init_from=" + weights}));
}

TEST_F(Resume, OtherTrainableWeightsAreRefusedAsAnotherConfig) {
  const std::string config = SmallWorld::get().expert_kv();
  const fs::path run = folder_ / "run";
  expect_code(0, command(run, config, {"training.trainable=ROUTERS_ONLY"}));
  expect_refusal(command(run, config, {"training.trainable=ALL"}),
                 {"training.trainable", "ROUTERS_ONLY", "ALL"}, "step-8");
}

TEST_F(Resume, ACheckpointThatWasRefusedTakesNoGoodOnesPlace) {
  const std::string config = SmallWorld::get().dense();
  const fs::path run = folder_ / "run";
  expect_code(0, command(run, config, {"checkpoint.every=4"}));
  fs::resize_file(run / "step-8" / "data.h5", 1000);
  expect_code(0, command(run, config, {"checkpoint.every=5", "training.steps=9"}));
  for (const char* step : {"step-5", "step-8", "step-9"}) {
    EXPECT_TRUE(fs::exists(run / step)) << step;
  }
  EXPECT_FALSE(fs::exists(run / "step-4"));
}

TEST_F(Resume, WhereNoneIsWholeEveryOneIsNamed) {
  const std::string config = SmallWorld::get().dense();
  const fs::path run = folder_ / "run";
  expect_code(0, command(run, config, {"checkpoint.keep_last=0"}));
  fs::resize_file(run / "step-8" / "data.h5", 1000);
  fs::remove(run / "step-6" / "data.h5");
  write_file(run / "step-4" / "manifest", "nothing");
  fs::remove_all(run / "step-2");
  expect_refusal(
      command(run, config, {}),
      {run.string() + ": no checkpoint in it is whole:", "step-8/data.h5: 1000 bytes where ",
       "step-6/data.h5: is missing", "step-4/manifest: 7 bytes are no manifest"},
      run);
}

TEST_F(Resume, RoutingMayBeTracedFromHereOnOrNoLonger) {
  const std::string config = SmallWorld::get().btx();
  const Words on = {"training.routing_trace_every=1"};
  expect_code(0, command(folder_ / "whole", config, on));
  EXPECT_EQ(traced(folder_ / "whole"), (std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7, 8}));
  const fs::path run = folder_ / "run";
  EXPECT_NE(outcome_of(command(run, config, on, "crash@6")).code, 0);
  EXPECT_EQ(traced(run), (std::vector<std::int64_t>{1, 2, 3, 4, 5}));
  const Outcome off = outcome_of(command(run, config, {}, "crash@8"));
  EXPECT_NE(off.out.find("going on from step 4"), std::string::npos) << off.err;
  EXPECT_EQ(traced(run), (std::vector<std::int64_t>{1, 2, 3, 4}));
  expect_code(0, command(run, config, on));
  EXPECT_EQ(traced(run), (std::vector<std::int64_t>{1, 2, 3, 4, 7, 8}));
  expect_same_checkpoint(folder_ / "whole", run);
}

}  // namespace
}  // namespace bam
