// F15: SIGUSR1 and SIGTERM at any moment, once and twice. A run that is stopped again and again
// until it is done ends as one that never was.
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "launch/exit_codes.h"
#include "tests/faults/fault_report.h"
#include "tests/faults/training_job.h"
#include "tests/launch/run_comparison.h"

namespace bam {
namespace {

constexpr double kPatience = 30;

// Every second step saves, every fourth evaluates, so that signals come in all phases.
const Words kBusy = {"checkpoint.every=2", "training.validate_every=4",
                     "training.validation_tokens=512"};

enum class Times { kOnce, kTwice };

/// The processes that a signal may go to, as soon as there are any; none where the job is over.
std::vector<pid_t> targets(Program& program, int ranks) {
  if (ranks == 1) {
    return {program.id()};
  }
  comes_true(60, [&] { return !program.is_running() || !program.children().empty(); });
  return program.children();
}

/// From when on the moment of the signal is drawn: from the start on it may come while the job
/// starts, or after its end; once the job has taken a step it comes amid its steps.
enum class From { kFirstStep, kStart };

// So many steps, with their saves, take longer than these seconds on any machine.
constexpr int kFewestSteps = 40;
constexpr double kSecondsAmidSteps = 0.03;
constexpr double kSecondsOfAStart = 1.5;

/// `before`: the step that the job goes on from.
void wait_for_moment(Program& program, const TrainingJob& job, std::int64_t before, From from,
                     std::mt19937& random) {
  if (from == From::kFirstStep) {
    reaches_step(program, job, before + 1);
  }
  std::uniform_real_distribution<double> moment(
      0, from == From::kFirstStep ? kSecondsAmidSteps : kSecondsOfAStart);
  std::this_thread::sleep_for(std::chrono::duration<double>(moment(random)));
}

/// Stops the job by a signal to one of its processes after a moment drawn at random.
void stop(const TrainingJob& job, int ranks, int number, Times times, From from,
          std::mt19937& random, FaultTally& tally) {
  const std::int64_t before = job.checkpoint_step();
  Program program(job.command(ranks));
  const std::vector<pid_t> processes = targets(program, ranks);
  wait_for_moment(program, job, before, from, random);
  if (processes.empty() || !program.is_running()) {
    program.wait();
    return;
  }
  if (times == Times::kTwice) {
    kill(processes.back(), number);
    std::uniform_real_distribution<double> pause(0, 0.015);
    std::this_thread::sleep_for(std::chrono::duration<double>(pause(random)));
  }
  const End end = end_after(program, processes.back(), number);
  const bool is_documented = end.outcome.code == 128 + number || end.outcome.code == kDone;
  const std::int64_t lost = job.logged_step() - job.checkpoint_step();
  // Once: nothing that was logged is lost. Twice: what was there before still is.
  const bool is_kept = times == Times::kOnce ? lost <= 0 : job.checkpoint_step() >= before;
  tally.add({.detected = is_documented && is_kept && end.seconds <= kPatience,
             .bad_accepted = false,
             .seconds = end.seconds,
             .steps_lost = std::max<std::int64_t>(lost, 0)});
  EXPECT_TRUE(is_documented) << end.outcome.code << "\n" << end.outcome.out << end.outcome.err;
  EXPECT_TRUE(is_kept) << lost << " steps lost, checkpoint " << before << " before";
  EXPECT_LE(end.seconds, kPatience);
}

void stop_until_done(int ranks, Times times, const char* injection) {
  FaultTally tally({.fault = "F15", .injection = injection, .goal = "one checkpoint, within 30 s"});
  TrainingJob job(fault_trials(kFewestSteps, 1000 / ranks), kBusy);
  std::mt19937 random(7);
  const int most = fault_trials(4, 200) / ranks;
  for (int i = 0; i < most && job.checkpoint_step() < job.steps(); ++i) {
    // mpirun kills its ranks at SIGTERM; one rank that gets it stops all.
    stop(job, ranks, i % 2 == 0 ? SIGUSR1 : SIGTERM, times,
         i % 4 < 2 ? From::kFirstStep : From::kStart, random, tally);
  }
  EXPECT_GT(tally.trials(), 0);
  expect_code(kDone, job.command(ranks));
  TrainingJob unbroken(job.steps(), kBusy);
  expect_code(kDone, unbroken.command(ranks));
  expect_same_checkpoint(unbroken.run(), job.run());
  expect_same_metrics(unbroken.run(), job.run(), job.steps());
}

TEST(F15, OneSignalLeavesACheckpointOfTheStepItCameIn) {
  stop_until_done(1, Times::kOnce, "SIGUSR1 or SIGTERM, one rank");
}

TEST(F15, OneSignalToOneRankStopsAll) {
  stop_until_done(2, Times::kOnce, "SIGUSR1 or SIGTERM to one of two ranks");
}

TEST(F15, ASecondSignalLeavesAtOnceAndHarmsNothing) {
  stop_until_done(1, Times::kTwice, "SIGUSR1 or SIGTERM, twice");
}

}  // namespace
}  // namespace bam
