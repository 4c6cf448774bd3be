// F10: losses and gradients that are not finite, or spike.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "io/checkpoint_reader.h"
#include "io/metrics_reader.h"
#include "launch/exit_codes.h"
#include "tests/faults/fault_report.h"
#include "tests/faults/training_job.h"
#include "tests/launch/run_comparison.h"

namespace bam {
namespace {

constexpr int kSteps = 30;

/// Steps that the metrics call skipped.
std::vector<std::int64_t> skipped_steps(const TrainingJob& job) {
  std::vector<std::int64_t> steps;
  for (const auto& line : read_metrics(job.run() / "metrics.jsonl")) {
    if (line["skipped"]) {
      steps.push_back(line["step"]);
    }
  }
  return steps;
}

bool is_finite(const TrainingJob& job) {
  const CheckpointReader checkpoint(job.run());
  for (const ParameterSpec& spec : checkpoint.specs()) {
    for (const StateKind kind : kStateKinds) {
      std::vector<float> values(static_cast<std::size_t>(spec.elements()));
      checkpoint.read(kind, spec, 0, spec.elements(), values);
      if (!std::ranges::all_of(values, [](float value) { return std::isfinite(value); })) {
        return false;
      }
    }
  }
  return true;
}

void expect_one_skipped(FaultTally& tally, const std::string& fault, int ranks) {
  TrainingJob job(kSteps, {"checkpoint.every=5"});
  expect_code(kDone, job.drill(fault, ranks));
  const auto skipped = skipped_steps(job);
  const bool is_good = is_finite(job);
  tally.add({.detected = skipped == std::vector<std::int64_t>{11},
             .bad_accepted = !is_good,
             .seconds = {},
             .steps_lost = std::ssize(skipped)});
  EXPECT_EQ(skipped, std::vector<std::int64_t>{11}) << fault;
  EXPECT_TRUE(is_good);
  EXPECT_EQ(job.checkpoint_step(), kSteps);
}

TEST(F10, AStepWithNanIsSkippedOnAllRanksAlike) {
  FaultTally tally(
      {.fault = "F10", .injection = "NaN in a weight for one step", .goal = "<= 1 step"});
  expect_one_skipped(tally, "nan@11", 1);
  expect_one_skipped(tally, "nan@11:0", 2);
  expect_one_skipped(tally, "nan@11:1", 2);
}

TEST(F10, SkippedStepsInARowEndTheRunAndAreInNoCheckpoint) {
  FaultTally tally({.fault = "F10",
                    .injection = "NaN in every step from one on",
                    .goal = "stops after 5, none in a checkpoint"});
  for (const int ranks : {1, 2}) {
    TrainingJob job(kSteps, {"checkpoint.every=5"});
    const Outcome outcome = expect_code(kDiverged, job.drill("nan@12-99", ranks));
    EXPECT_NE(outcome.err.find("step 16: loss or gradient was not finite in 5 steps in a row"),
              std::string::npos)
        << outcome.err;
    tally.add({.detected = outcome.code == kDiverged && skipped_steps(job).size() == 5,
               .bad_accepted = !is_finite(job),
               .seconds = {},
               .steps_lost = 16 - job.checkpoint_step()});
    EXPECT_TRUE(is_finite(job));
  }
}

// The count survives a restart, as everything else that decides a step does.
TEST(F10, AStopInBetweenDoesNotResetTheCount) {
  TrainingJob job(kSteps, {"checkpoint.every=14"});
  ChildCommand first = job.drill("nan@12-14", 1);
  first.words.insert(first.words.end(), {"--set", "training.steps=14"});
  expect_code(kDone, first);
  const Outcome outcome = expect_code(kDiverged, job.drill("nan@15-99", 1));
  EXPECT_NE(outcome.err.find("step 16"), std::string::npos) << outcome.err;
}

const Words kGuarded = {"checkpoint.every=5", "guard.spikes.memory=10",
                        "guard.spikes.deviations=20"};

TEST(F10, AtASpikeTheRunGoesBackAndLeavesThoseDataOut) {
  FaultTally tally({.fault = "F10",
                    .injection = "loss and gradient x 1000 in one step",
                    .goal = "rewound, <= interval"});
  TrainingJob alone(kSteps, kGuarded);
  expect_code(kDone, alone.drill("spike@18", 1));
  for (const int ranks : {1, 2}) {
    TrainingJob job(kSteps, kGuarded);
    const Outcome outcome = expect_code(kDone, job.drill("spike@18", ranks));
    const auto metrics = read_metrics(job.run() / "metrics.jsonl");
    const bool went_back = metrics.back()["rewinds"] == 1 && std::ssize(metrics) == kSteps;
    tally.add({.detected = went_back,
               .bad_accepted = metrics.back()["loss"] > 100,
               .seconds = {},
               .steps_lost = 3});
    EXPECT_TRUE(went_back) << outcome.out;
    EXPECT_NE(outcome.out.find("goes back to step 15"), std::string::npos) << outcome.out;
    const auto reference = series(alone.run(), "loss");
    const auto losses = series(job.run(), "loss");
    for (std::size_t i = 0; i < reference.size(); ++i) {
      EXPECT_NEAR(losses[i], reference[i], 1e-3) << "step " << i + 1;
    }
  }
}

TEST(F10, ARunThatWentBackAndWasStoppedIsTheRunThatWasNotStopped) {
  TrainingJob whole(kSteps, kGuarded);
  expect_code(kDone, whole.drill("spike@18", 1));
  TrainingJob stopped(kSteps, kGuarded);
  ChildCommand first = stopped.drill("spike@18", 1);
  first.words.insert(first.words.end(), {"--set", "training.steps=22"});
  // Its learning rate falls faster; only what is left out is compared.
  expect_code(kDone, first);
  expect_code(kDone, stopped.command(1));
  EXPECT_EQ(CheckpointReader(stopped.run()).guard().left_out(0), 18);
  EXPECT_EQ(read_metrics(stopped.run() / "metrics.jsonl").back()["rewinds"], 1);
  EXPECT_EQ(CheckpointReader(whole.run()).guard().left_out(0), 18);
}

TEST(F10, SpikesThatGoOnEndTheRun) {
  Words settings = kGuarded;
  settings.push_back("guard.spikes.most_rewinds=2");
  TrainingJob job(kSteps, settings);
  const Outcome outcome = expect_code(kDiverged, job.drill("spike@18-99", 2));
  EXPECT_NE(outcome.err.find("after 2 rewinds"), std::string::npos) << outcome.err;
  EXPECT_EQ(job.checkpoint_step(), 15);
}

}  // namespace
}  // namespace bam
