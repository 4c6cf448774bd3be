// `bam train` into a folder that another process trains into.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "io/run_lock.h"
#include "io/text_file.h"
#include "launch/exit_codes.h"
#include "tests/io/temporary_folder.h"
#include "tests/io/tiny_checkpoint.h"
#include "tests/launch/shell.h"

namespace bam {
namespace {

class LockedRun : public testing::TestWithParam<const char*> {};

TEST_P(LockedRun, IsRefusedToASecondJob) {
  const TemporaryFolder folder;
  write_file(folder / "config", text_of(tiny_run_config()));
  const std::string command = std::string(GetParam()) + " " + BAM_PROGRAM + " train " +
                              (folder / "config").string() + " --out " + (folder / "run").string();
  std::filesystem::create_directories(folder / "run");
  ::setenv("SLURM_JOB_ID", "4711", 1);
  std::optional<RunLock> first(std::in_place, folder / "run");
  ::unsetenv("SLURM_JOB_ID");
  const Ended refused = run_in_shell(command);
  EXPECT_EQ(refused.code, kBadInput) << refused.text;
  EXPECT_NE(refused.text.find("run: is in use by host "), std::string::npos) << refused.text;
  EXPECT_NE(refused.text.find(", process " + std::to_string(::getpid()) + ", job 4711"),
            std::string::npos)
      << refused.text;
  first.reset();
  const Ended later = run_in_shell(command);  // on to the next thing: there are no data
  EXPECT_EQ(later.code, kBadInput) << later.text;
  EXPECT_NE(later.text.find("code.h5"), std::string::npos) << later.text;
}

INSTANTIATE_TEST_SUITE_P(AloneAndOnRanks, LockedRun, testing::Values("", BAM_TWO_RANKS));

}  // namespace
}  // namespace bam
