// F4 of the faults to survive: a disk that is full, on one rank or on all, and files that may not
// grow. What was saved before stands, every rank learns of it, and training goes on or ends with a
// code of its own.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <random>
#include <thread>

#include "io/checkpoint_reader.h"
#include "io/metrics_reader.h"
#include "io/retention.h"
#include "io/text_file.h"
#include "launch/exit_codes.h"
#include "tests/faults/fault_report.h"
#include "tests/faults/small_disk.h"
#include "tests/faults/training_job.h"
#include "tests/launch/run_comparison.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

constexpr double kPatience = 240;   // seconds
constexpr int kMostTurns = 20'000;  // of filling the disk, a twentieth of a second each and more

std::int64_t count_of(const std::string& text, const std::string& part) {
  std::int64_t count = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

/// Whether a checkpoint stands in the run that is not as it was written.
bool holds_a_damaged_one(const fs::path& run) {
  try {
    for (const std::int64_t step : steps_in(run)) {
      CheckpointReader(run / step_folder(step)).verify();
    }
    return false;
  } catch (const BadInput&) {
    return true;
  }
}

/// Eight steps of a small mixture on two ranks, a checkpoint after every second.
class FullDisk : public testing::Test {
 protected:
  fs::path run() const { return folder_ / "run"; }

  ChildCommand command(const fs::path& out, int ranks = 2) const {
    return on_ranks(ranks,
                    train(SmallWorld::get().expert_kv(), out,
                          settings({"checkpoint.every=2", "training.routing_trace_every=2"})));
  }
  /// Where writes below `prefix` fail on one rank, from the `call`th on.
  Outcome with_full_disk(const std::string& prefix, int rank, int call) const {
    ChildCommand full = command(run());
    full.environment.insert({{"LD_PRELOAD", BAM_FILE_FAULT},
                             {"BAM_FAULT", "full"},
                             {"BAM_FAULT_FOLDER", (run() / prefix).string()},
                             {"BAM_FAULT_AT", std::to_string(call)},
                             {"BAM_FAULT_RANK", std::to_string(rank)}});
    return outcome_of(full);
  }
  /// Where `bytes` are free from the `call`th time on that the run's folder is asked.
  Outcome with_space(std::int64_t bytes, int call) const {
    ChildCommand full = command(run());
    full.environment.insert({{"LD_PRELOAD", BAM_FILE_FAULT},
                             {"BAM_FAULT_FREE", std::to_string(bytes)},
                             {"BAM_FAULT_FREE_AT", std::to_string(call)},
                             {"BAM_FAULT_FOLDER", run().string()}});
    return outcome_of(full);
  }

  void expect_told(const Outcome& outcome, const std::string& what) const {
    EXPECT_NE(outcome.err.find(what), std::string::npos) << outcome.err;
  }
  /// A row of the fault report: this one trial, which went well unless the test has failed.
  void report(const std::string& injection) const {
    FaultTally tally({.fault = "F4", .injection = injection, .goal = "told of, old one kept"});
    const bool is_bad = holds_a_damaged_one(run());
    EXPECT_FALSE(is_bad);
    tally.add({.detected = !HasFailure(), .bad_accepted = is_bad, .seconds = {}, .steps_lost = {}});
  }
  void expect_checkpoints(const std::vector<std::int64_t>& steps) const {
    EXPECT_EQ(steps_in(run()), steps);
    EXPECT_EQ(CheckpointReader(run()).step(), steps.back());
    for (const std::int64_t step : steps) {
      EXPECT_GT(CheckpointReader(run() / step_folder(step)).verify(), 0);
    }
    for (const auto& entry : fs::directory_iterator(run())) {
      EXPECT_NE(entry.path().extension(), ".partial") << entry.path();
    }
  }

  TemporaryFolder folder_;
};

TEST_F(FullDisk, OnOneRank_TrainingGoesOnToTheSameEnd) {
  expect_code(0, command(folder_ / "undisturbed"));
  for (const int rank : {0, 1}) {
    fs::remove_all(run());
    const Outcome outcome = with_full_disk(".step-4.partial", rank, 3);
    EXPECT_EQ(outcome.code, kDone) << outcome.err;
    expect_told(outcome,
                message_of("step-4: not written, what was saved before stands: rank ", rank, ": "));
    expect_told(outcome, "No space left on device");
    expect_checkpoints({6, 8});
    expect_same_checkpoint(folder_ / "undisturbed", run());
    expect_same_metrics(folder_ / "undisturbed", run(), SmallWorld::kSteps);
    report(message_of("ENOSPC on rank ", rank, " of 2"));
  }
}

TEST_F(FullDisk, AtTheManifest_TrainingGoesOn) {
  const Outcome outcome = with_full_disk(".step-4.partial/manifest", 0, 1);
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  expect_told(outcome, "step-4: not written");
  expect_checkpoints({6, 8});
  report("ENOSPC at the manifest");
}

TEST_F(FullDisk, ForTheLastCheckpoint_IsAnExitCodeOfItsOwn) {
  const Outcome outcome = with_full_disk(".step-8.partial", 1, 1);
  EXPECT_EQ(outcome.code, kNotSaved) << outcome.err;
  expect_told(outcome, "step-8: not written");
  expect_checkpoints({4, 6});
  expect_code(0, command(run()));  // once there is room
  expect_checkpoints({6, 8});
  report("ENOSPC for the last checkpoint");
}

TEST_F(FullDisk, ForMetrics_TrainingGoesOn) {
  const Outcome outcome = with_full_disk("metrics.jsonl", 0, 6);
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  expect_told(outcome, "training goes on");
  expect_checkpoints({6, 8});
}

TEST_F(FullDisk, ForTheRoutingTrace_TrainingGoesOn) {
  const Outcome outcome = with_full_disk("routing.jsonl", 0, 2);
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  expect_told(outcome, "training goes on");
  expect_checkpoints({6, 8});
}

TEST_F(FullDisk, IsSeenBeforeTheFirstStep) {
  const Outcome outcome = with_space(1 << 20, 1);
  EXPECT_EQ(outcome.code, kNotSaved) << outcome.err;
  expect_told(outcome, "bytes are free where a checkpoint takes");
  EXPECT_TRUE(steps_in(run()).empty());
  EXPECT_TRUE(read_metrics(run() / "metrics.jsonl").empty());
}

// One call as training begins, one for each save.
TEST_F(FullDisk, IsSeenBeforeACheckpointIsBegun) {
  const Outcome outcome = with_space(1 << 20, 4);
  EXPECT_EQ(outcome.code, kNotSaved) << outcome.err;
  expect_told(outcome, "step-6: not written, what was saved before stands: ");
  expect_checkpoints({2, 4});
  report("too little space");
}

// MPI itself needs large files to start: the limit comes once steps are trained, and then the end.
TEST_F(FullDisk, AFileThatMayNotGrow_IsToldOfAndNoSignal) {
  Program program(
      alone(train(SmallWorld::get().expert_kv(), run(), settings({"training.steps=100000"}))));
  ASSERT_TRUE(comes_true(kPatience, [&] {
    const fs::path metrics = run() / "metrics.jsonl";
    return !program.is_running() || (fs::exists(metrics) && !read_metrics(metrics).empty());
  }));
  const rlimit limit{1 << 16, 1 << 16};
  ASSERT_EQ(::prlimit(program.id(), RLIMIT_FSIZE, &limit, nullptr), 0);
  ASSERT_EQ(::kill(program.id(), SIGTERM), 0);
  const Outcome outcome = program.wait();
  EXPECT_EQ(outcome.code, kNotSaved) << outcome.err;
  expect_told(outcome, ": not written, what was saved before stands: rank 0: ");
  expect_told(outcome, "data.h5: cannot have");
  expect_told(outcome, "File too large");
  for (const auto& entry : fs::directory_iterator(run())) {
    EXPECT_NE(entry.path().extension(), ".partial") << entry.path();
  }
  report("RLIMIT_FSIZE");
}

/// Fills the disk at moments drawn at random and soon makes room again, until the program ends;
/// false where it does not.
bool fill_again_and_again(Program& program, const SmallDisk& disk) {
  std::mt19937 random(4);
  std::uniform_int_distribution<int> milliseconds(0, 60);
  const auto wait = [&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds(random)));
  };
  for (int turn = 0; turn < kMostTurns && program.is_running(); ++turn) {
    wait();
    if (fs::exists(disk.path() / "run" / kLatestFile)) {
      disk.fill();
      wait();
      disk.make_room();
    }
  }
  return !program.is_running();
}

// A real one: each of the many saves meets it before, while or after it writes.
TEST_F(FullDisk, OfARealFileSystem_TrainingGoesOnToTheSameEnd) {
  const SmallDisk disk(folder_ / "disk", std::int64_t{96} << 20);
  if (!disk.is_there()) {
    GTEST_SKIP() << "no file system can be mounted here (it needs root)";
  }
  const auto steps = "training.steps=" + std::to_string(fault_trials(60, 1000));
  const auto command_of = [&](const fs::path& run) {
    return on_ranks(
        2, train(SmallWorld::get().expert_kv(), run, settings({"checkpoint.every=1", steps})));
  };
  FaultTally tally({.fault = "F4",
                    .injection = "a tmpfs that is full now and then",
                    .goal = "told of, old one kept"});
  Program program(command_of(disk.path() / "run"));
  EXPECT_TRUE(fill_again_and_again(program, disk)) << "training does not end";
  const Outcome outcome = program.wait();
  const std::int64_t told = count_of(outcome.err, ": not written, what was saved before stands");
  const bool is_documented = outcome.code == kDone || outcome.code == kNotSaved;
  EXPECT_TRUE(is_documented) << outcome.code << outcome.err;
  const bool is_bad = holds_a_damaged_one(disk.path() / "run");
  EXPECT_FALSE(is_bad);
  tally.add(told,
            {.detected = is_documented, .bad_accepted = is_bad, .seconds = {}, .steps_lost = {}});
  if (outcome.code == kNotSaved) {  // the last one was not, and there is room now
    expect_code(kDone, command_of(disk.path() / "run"));
  }
  EXPECT_GT(tally.trials(), 0);
  expect_code(kDone, command_of(folder_ / "undisturbed"));
  expect_same_checkpoint(folder_ / "undisturbed", disk.path() / "run");
}

}  // namespace
}  // namespace bam
