// `bam train` into a folder that another process trains into.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>

#include "io/run_lock.h"
#include "io/text_file.h"
#include "launch/exit_codes.h"
#include "tests/io/temporary_folder.h"
#include "tests/io/tiny_checkpoint.h"

namespace bam {
namespace {

struct Ended {
  int code = -1;
  std::string text;  // of both its outputs
};

Ended run(const std::string& command) {
  Ended ended;
  FILE* output = ::popen((command + " 2>&1").c_str(), "r");
  check(output != nullptr, command, ": cannot be started");
  std::array<char, 4096> piece{};
  while (const std::size_t got = std::fread(piece.data(), 1, piece.size(), output)) {
    ended.text.append(piece.data(), got);
  }
  const int status = ::pclose(output);
  ended.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ended;
}

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
  const Ended refused = run(command);
  EXPECT_EQ(refused.code, kBadInput) << refused.text;
  EXPECT_NE(refused.text.find("run: is in use by host "), std::string::npos) << refused.text;
  EXPECT_NE(refused.text.find(", process " + std::to_string(::getpid()) + ", job 4711"),
            std::string::npos)
      << refused.text;
  first.reset();
  const Ended later = run(command);  // on to the next thing: there are no data
  EXPECT_EQ(later.code, kBadInput) << later.text;
  EXPECT_NE(later.text.find("code.h5"), std::string::npos) << later.text;
}

INSTANTIATE_TEST_SUITE_P(AloneAndOnRanks, LockedRun, testing::Values("", BAM_TWO_RANKS));

}  // namespace
}  // namespace bam
