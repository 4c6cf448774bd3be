#include "launch/checkpoint_command.h"

#include <gtest/gtest.h>

#include "io/checkpoint_reader.h"
#include "io/prune_run.h"
#include "io/run_lock.h"
#include "launch/exit_codes.h"
#include "launch/export_command.h"
#include "tests/io/temporary_folder.h"
#include "tests/io/tiny_checkpoint.h"

namespace bam {
namespace {

using Steps = std::vector<std::int64_t>;

void write_steps(const std::filesystem::path& run, const Steps& steps) {
  for (const std::int64_t step : steps) {
    write_filled(run, {.step = step, .config = tiny_run_config(), .tokenizer = "t", .parents = {}});
  }
}

std::string printed_by(const std::vector<std::string>& words) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(checkpoint_command(words), kDone);
  return testing::internal::GetCapturedStdout();
}

TEST(CheckpointPrune, DryRunSaysAndLeaves) {
  const TemporaryFolder run;
  write_steps(run.path(), {1, 2, 3});
  const std::string said = printed_by({"prune", run.path(), "--keep-last", "1", "--dry-run"});
  EXPECT_NE(said.find("step-2: would be removed"), std::string::npos) << said;
  EXPECT_EQ(steps_in(run.path()), (Steps{1, 2, 3}));
  EXPECT_FALSE(std::filesystem::exists(run / kLockFile));
  EXPECT_NE(printed_by({"prune", run.path(), "--keep-last", "1"}).find("step-2: removed"),
            std::string::npos);
  EXPECT_EQ(steps_in(run.path()), Steps{3});
}

TEST(CheckpointPrune, KeepEveryAloneKeepsTheNewestToo) {
  const TemporaryFolder run;
  write_steps(run.path(), {1, 2, 3, 4, 5});
  printed_by({"prune", run.path(), "--keep-every", "2"});
  EXPECT_EQ(steps_in(run.path()), (Steps{2, 4, 5}));
}

TEST(CheckpointPrune, RefusesArgumentsThatDoNotFit) {
  const TemporaryFolder run;
  write_steps(run.path(), {1, 2});
  const std::string path = run.path();
  const std::vector<std::vector<std::string>> bad = {
      {},
      {"prune"},
      {"prune", path},
      {"drop", path, "--keep-last", "1"},
      {"prune", path, path, "--keep-last", "1"},
      {"prune", path, "--keep-last", "0"},
      {"prune", path, "--keep-last", "-1"},
      {"prune", path, "--keep-every", "0"},
      {"prune", path + "/absent", "--keep-last", "1"}};
  for (const std::vector<std::string>& words : bad) {
    EXPECT_THROW(checkpoint_command(words), BadInput) << testing::PrintToString(words);
  }
  EXPECT_EQ(steps_in(run.path()), (Steps{1, 2}));
}

TEST(CheckpointPrune, LeavesARunThatIsInUse) {
  const TemporaryFolder run;
  write_steps(run.path(), {1, 2});
  const RunLock training(run.path());
  EXPECT_THROW(
      checkpoint_command(std::vector<std::string>{"prune", run.path(), "--keep-last", "1"}),
      BadInput);
  EXPECT_EQ(steps_in(run.path()), (Steps{1, 2}));
}

TEST(ExportHdf5, IsACheckpointOfWeights) {
  const TemporaryFolder folder;
  write_steps(folder / "run", {3});
  const std::string run = folder / "run";
  const std::string out = folder / "copy";
  EXPECT_EQ(export_command(std::vector<std::string>{run, "--out", out, "--format", "hdf5"}), kDone);
  EXPECT_EQ(CheckpointReader(out).step(), 3);
  EXPECT_THROW(export_command(std::vector<std::string>{run, "--out", out, "--format", "hdf5"}),
               BadInput);
  EXPECT_THROW(export_command(std::vector<std::string>{run, "--out", folder / "x", "--format",
                                                       "hdf5", "--dtype", "bf16"}),
               BadInput);
  EXPECT_THROW(
      export_command(std::vector<std::string>{run, "--out", folder / "x", "--format", "gguf"}),
      BadInput);
}

}  // namespace
}  // namespace bam
