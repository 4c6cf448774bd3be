// F1, F12, F19, and what started the ranks dying: processes of a job stop, hang or vanish.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "io/checkpoint_reader.h"
#include "io/guard_config.h"
#include "launch/exit_codes.h"
#include "tests/faults/fault_report.h"
#include "tests/faults/training_job.h"
#include "tests/launch/run_comparison.h"

namespace bam {
namespace {

constexpr double kOrphanSeconds = 30;
constexpr int kEvery = 4;  // steps between checkpoints
// Steps after which a checkpoint stands: it is written while training goes on, until the next begins.
constexpr int kWritten = 2 * kEvery;

const Words kOften = {"checkpoint.every=4", "checkpoint.keep_last=2"};

/// A run of the same steps that nothing happened to.
void expect_like_unbroken(const TrainingJob& job, FaultTally& tally) {
  TrainingJob unbroken(job.steps(), kOften);
  expect_code(kDone, unbroken.command());
  expect_same_checkpoint(unbroken.run(), job.run());
  EXPECT_EQ(tally.bad_accepted(), 0);
  EXPECT_EQ(tally.detected(), tally.trials());
}

TEST(F1, AKilledRankEndsTheJobWhichGoesOnFromItsCheckpoint) {
  FaultTally tally({.fault = "F1",
                    .injection = "SIGKILL of a rank",
                    .goal = "<= 5 s, <= 2 intervals (of 4 steps) lost, no orphan"});
  constexpr std::int64_t kLast = 30;  // steps in which nothing happens: the job might be over first
  TrainingJob job(fault_trials(70, 1000), kOften);
  std::mt19937 random(1);
  while (job.checkpoint_step() < job.steps()) {
    const std::int64_t before = std::max(job.checkpoint_step(), job.logged_step());
    const auto step = before + 6 + static_cast<std::int64_t>(random() % 12);
    Program program(job.command());
    if (step > job.steps() - kLast) {
      EXPECT_EQ(program.wait().code, kDone);
      break;
    }
    ASSERT_TRUE(reaches_step(program, job, step));
    const std::vector<pid_t> ranks = program.children();
    ASSERT_EQ(std::ssize(ranks), TrainingJob::kRanks);
    const End end = end_after(program, ranks[random() % ranks.size()], SIGKILL);
    const bool is_clean = comes_true(kOrphanSeconds, [&] { return are_gone(ranks); });
    const std::int64_t lost = job.logged_step() - job.checkpoint_step();
    tally.add({.detected = end.outcome.code != kDone && is_clean,
               .bad_accepted = false,
               .seconds = end.seconds,
               .steps_lost = lost});
    EXPECT_LE(lost, kWritten);
    EXPECT_LE(end.seconds, 15) << "on a machine that may be busy";
  }
  expect_like_unbroken(job, tally);
}

TEST(F1, RanksDoNotOutliveWhatStartedThem) {
  FaultTally tally({.fault = "F1", .injection = "SIGKILL of mpirun", .goal = "no orphan in 30 s"});
  TrainingJob job(1'000'000, kOften);
  for (int i = 0; i < fault_trials(2, 20); ++i) {
    Program program(job.command());
    ASSERT_TRUE(reaches_step(program, job, job.checkpoint_step() + 3));
    const std::vector<pid_t> ranks = program.children();
    end_after(program, program.id(), SIGKILL);
    const auto seconds = seconds_until([&] { return are_gone(ranks); }, kOrphanSeconds);
    tally.add({.detected = seconds.has_value(),
               .bad_accepted = false,
               .seconds = seconds,
               .steps_lost = job.logged_step() - job.checkpoint_step()});
    ASSERT_TRUE(seconds);
  }
}

/// The others find out within `seconds`, and tell what they were at.
void expect_hang_is_told(const End& end, FaultTally& tally, double limit) {
  const bool is_told = end.outcome.err.find("; last: step ") != std::string::npos;
  const bool is_documented = end.outcome.code == kHung || end.outcome.code == kLost;
  tally.add({.detected = is_documented && is_told,
             .bad_accepted = false,
             .seconds = end.seconds,
             .steps_lost = {}});
  EXPECT_TRUE(is_documented) << end.outcome.out << end.outcome.err;
  EXPECT_TRUE(is_told) << end.outcome.err;
  EXPECT_LE(end.seconds, limit + 15) << "on a machine that may be busy";
}

/// Seconds that a step may take: few, or in the long form what the default is.
double hang_seconds() { return is_long_form() ? GuardConfig().hang_seconds : 4; }

Words with_limit() {
  Words all = kOften;
  if (!is_long_form()) {
    all.push_back("guard.hang_seconds=" + std::to_string(hang_seconds()));
    all.push_back("guard.hang_factor=15");  // a busy machine's steps
  }
  return all;
}

TEST(F12, AStoppedRankIsFoundAndTheJobEnds) {
  FaultTally tally(
      {.fault = "F12", .injection = "SIGSTOP of a rank", .goal = "<= max(30 s, 5 x median step)"});
  for (int i = 0; i < fault_trials(1, 10); ++i) {
    TrainingJob job(1'000'000, with_limit());
    Program program(job.command());
    ASSERT_TRUE(reaches_step(program, job, kWritten + 1));
    const std::vector<pid_t> ranks = program.children();
    const pid_t stopped = ranks[static_cast<std::size_t>(i) % ranks.size()];
    const End end = end_of(program, [&] { kill(stopped, SIGSTOP); });  // whoever wakes it
    expect_hang_is_told(end, tally, hang_seconds());
    EXPECT_TRUE(comes_true(kOrphanSeconds, [&] { return are_gone(ranks); }));
    EXPECT_GT(job.checkpoint_step(), 0);
  }
}

TEST(F12, ARankThatHangsIsNamedWithWhatItIsAt) {
  FaultTally tally({.fault = "F12",
                    .injection = "a rank never ends its step",
                    .goal = "<= max(30 s, 5 x median step)"});
  for (int i = 0; i < fault_trials(1, 5); ++i) {
    TrainingJob job(1'000'000, with_limit());
    Program program(job.drill("hang@6:1"));
    ASSERT_TRUE(reaches_step(program, job, 5));
    const End end = end_of(program);
    expect_hang_is_told(end, tally, hang_seconds());
    EXPECT_NE(end.outcome.err.find("rank 1 of 2: "), std::string::npos) << end.outcome.err;
    EXPECT_NE(end.outcome.err.find("rank 0 of 2: "), std::string::npos) << end.outcome.err;
    EXPECT_NE(end.outcome.err.find("step 6"), std::string::npos) << end.outcome.err;
  }
}

// The ranks' next operations do not match: a hang, or an error from MPI, but no training on.
TEST(F12, ACollectiveLeftOutOnOneRankEndsTheJob) {
  FaultTally tally({.fault = "F12",
                    .injection = "a collective left out on one rank",
                    .goal = "<= max(30 s, 5 x median step)"});
  for (int i = 0; i < fault_trials(1, 5); ++i) {
    TrainingJob job(1'000'000, with_limit());
    Program program(job.drill("skip@6:1"));
    reaches_step(program, job, 5);
    const End end = end_of(program);
    tally.add({.detected = end.outcome.code != kDone,
               .bad_accepted = job.checkpoint_step() > 6,
               .seconds = end.seconds,
               .steps_lost = {}});
    EXPECT_NE(end.outcome.code, kDone);
    EXPECT_LE(job.checkpoint_step(), 6);
    EXPECT_LE(end.seconds, hang_seconds() + 15) << end.outcome.err;
  }
}

TEST(F19, OfJobsInOneFolderOneTrainsAndTheOthersAreRefused) {
  FaultTally tally({.fault = "F19",
                    .injection = "three jobs start in one folder",
                    .goal = "0 mixed checkpoints"});
  for (int i = 0; i < fault_trials(2, 50); ++i) {
    TrainingJob job(60, kOften);
    std::vector<std::unique_ptr<Program>> programs;
    for (int p = 0; p < 3; ++p) {
      programs.push_back(std::make_unique<Program>(job.command(p == 0 ? 2 : 1)));
    }
    int done = 0;
    int refused = 0;
    for (const auto& program : programs) {
      const Outcome outcome = program->wait();
      done += outcome.code == kDone ? 1 : 0;
      refused +=
          outcome.code == kBadInput && outcome.err.find("is in use by host ") != std::string::npos
              ? 1
              : 0;
      EXPECT_TRUE(outcome.code == kDone || outcome.code == kBadInput) << outcome.err;
    }
    const bool is_whole = job.checkpoint_step() == job.steps();
    tally.add({.detected = done >= 1 && done + refused == 3 && is_whole,
               .bad_accepted = !is_whole,
               .seconds = {},
               .steps_lost = {}});
    EXPECT_EQ(done + refused, 3);
    EXPECT_TRUE(is_whole);
  }
}

}  // namespace
}  // namespace bam
