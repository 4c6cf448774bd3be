// A run that was stopped by a signal and called again is, to the last bit, the run that never
// stopped.
#include <gtest/gtest.h>

#include <thread>

#include "io/checkpoint_reader.h"
#include "io/metrics_reader.h"
#include "tests/launch/run_comparison.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

enum class Reaches { kTheProgram, kOneRank };

/// What is run, and the folder that gets the run which nobody stops.
class StopAndResume : public ::testing::Test {
 protected:
  /// Trains without a stop; steps for about a second.
  void run_whole(int ranks, int steps, const std::string& config, Words assignments) {
    ranks_ = ranks;
    steps_ = steps;
    config_ = config;
    assignments.push_back("training.steps=" + std::to_string(steps));
    settings_ = settings(assignments);
    expect_code(0, command(whole()));
  }

  ChildCommand command(const fs::path& folder) const {
    return on_ranks(ranks_, train(config_, folder, settings_));
  }

  /// Trains in a folder of its own, is sent a signal once a step is logged, and goes on by the same
  /// command.
  void stop_and_go_on(int number, int code, Reaches reaches = Reaches::kTheProgram) {
    const fs::path stopped = folder_ / ("stopped-" + std::to_string(number));
    Program program(command(stopped));
    wait_for_a_step(program, stopped);
    kill(reaches == Reaches::kOneRank ? program.children().back() : program.id(), number);
    const Outcome outcome = program.wait();
    ASSERT_EQ(outcome.code, code) << outcome.out << outcome.err;
    const std::int64_t step = CheckpointReader(stopped).step();
    EXPECT_GT(step, 0);
    EXPECT_LT(step, steps_);
    expect_code(0, command(stopped));
    expect_same_checkpoint(whole(), stopped);
    expect_same_metrics(whole(), stopped, steps_);
  }

  fs::path whole() const { return folder_ / "whole"; }

 private:
  static void wait_for_a_step(Program& program, const fs::path& folder) {
    const fs::path metrics = folder / "metrics.jsonl";
    while (program.is_running() && (!fs::exists(metrics) || read_metrics(metrics).empty())) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  TemporaryFolder folder_;
  int ranks_ = 1;
  int steps_ = 0;
  std::string config_;
  Words settings_;
};

TEST_F(StopAndResume, DenseOnOneRankByEverySignal) {
  run_whole(1, 150, SmallWorld::get().dense(), {"training.validate_every=50"});
  stop_and_go_on(SIGTERM, 143);
  stop_and_go_on(SIGINT, 130);
  stop_and_go_on(SIGUSR1, 138);
}

TEST_F(StopAndResume, DenseInMicroStepsOfBf16) {
  run_whole(1, 150, SmallWorld::get().dense(),
            {"training.micro_steps=2", "training.precision=BF16"});
  stop_and_go_on(SIGTERM, 143);
}

TEST_F(StopAndResume, ExpertKvOnTwoRanks) {
  run_whole(2, 100, SmallWorld::get().expert_kv(), {"checkpoint.every=10"});
  stop_and_go_on(SIGUSR1, 138);
  stop_and_go_on(SIGTERM, 143, Reaches::kOneRank);
}

TEST_F(StopAndResume, ExpertKvOnTwoGroupsOfTwoRanksInMicroSteps) {
  run_whole(4, 40, SmallWorld::get().expert_kv(),
            {"parallel.expert_parallel=2", "training.micro_steps=2"});
  stop_and_go_on(SIGUSR1, 138);
}

}  // namespace
}  // namespace bam
