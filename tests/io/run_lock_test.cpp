#include "io/run_lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>

#include "io/text_file.h"
#include "runtime/check.h"
#include "tests/io/temporary_folder.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

std::string refusal_of(const fs::path& folder) {
  try {
    const RunLock lock(folder);
  } catch (const BadInput& error) {
    return error.what();
  }
  return "";
}

std::string this_host() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

TEST(RunLock, ASecondIsRefusedWithTheFirstOnesHostPidAndJob) {
  const TemporaryFolder folder;
  ::setenv("SLURM_JOB_ID", "4711", 1);
  {
    const RunLock first(folder.path());
    ::unsetenv("SLURM_JOB_ID");
    EXPECT_TRUE(first.is_held());
    EXPECT_EQ(refusal_of(folder.path()), folder.path().string() + ": is in use by host " +
                                             this_host() + ", process " +
                                             std::to_string(::getpid()) + ", job 4711");
  }
  EXPECT_EQ(refusal_of(folder.path()), "");
}

TEST(RunLock, IsSharedOnlyAmongThoseWhoShare) {
  const TemporaryFolder folder;
  using enum RunLock::Mode;
  {
    const RunLock one(folder.path(), kLockFile, kWithOthers);
    { EXPECT_NO_THROW(RunLock(folder.path(), kLockFile, kWithOthers)); }
    EXPECT_NE(refusal_of(folder.path()), "");
  }
  EXPECT_EQ(refusal_of(folder.path()), "");
  const RunLock alone(folder.path());
  EXPECT_THROW(RunLock(folder.path(), kLockFile, kWithOthers), BadInput);
  EXPECT_NO_THROW(RunLock(folder.path(), "another.lock"));
}

TEST(RunLock, WithoutABatchJobNoneIsNamed) {
  const TemporaryFolder folder;
  ::unsetenv("SLURM_JOB_ID");
  const RunLock first(folder.path());
  EXPECT_EQ(refusal_of(folder.path()).find("job"), std::string::npos);
}

TEST(RunLock, WhatADeadOneLeftDoesNotBlock) {
  const TemporaryFolder folder;
  for (const char* left :
       {"{\"host\":\"elsewhere\",\"pid\":1,\"job\":\"7\"}\n", "", "no JSON", "{\"host\":3}"}) {
    write_file(folder / kLockFile, left);
    EXPECT_EQ(refusal_of(folder.path()), "") << left;
  }
}

/// A process that takes the lock, says how it went in one byte, and waits to be killed.
struct Contender {
  pid_t pid = 0;
  int answer = -1;  // gives 'w': it has the lock, or 'l': it was refused
};

void contend(const fs::path& folder, int start_signal, int answer) {
  char go = 0;
  [[maybe_unused]] ssize_t ignored = start_signal >= 0 ? ::read(start_signal, &go, 1) : 0;
  try {
    const RunLock lock(folder);
    ignored = ::write(answer, "w", 1);
    ::pause();
  } catch (const BadInput&) {
    ignored = ::write(answer, "l", 1);
  }
}

Contender start(const fs::path& folder, int start_signal) {
  std::array<int, 2> answer{};
  check(::pipe(answer.data()) == 0, "pipe");
  const Contender contender{::fork(), answer[0]};
  if (contender.pid == 0) {
    contend(folder, start_signal, answer[1]);
    ::_exit(0);
  }
  ::close(answer[1]);
  return contender;
}

char outcome_of(const Contender& contender) {
  char said = 0;
  EXPECT_EQ(::read(contender.answer, &said, 1), 1);
  ::close(contender.answer);
  return said;
}

void kill_and_wait(const Contender& contender) {
  ::kill(contender.pid, SIGKILL);
  int status = 0;
  ::waitpid(contender.pid, &status, 0);
}

TEST(RunLock, GoesWithAKilledProcess) {
  const TemporaryFolder folder;
  const Contender holder = start(folder.path(), -1);
  ASSERT_EQ(outcome_of(holder), 'w');
  EXPECT_NE(refusal_of(folder.path()).find("process " + std::to_string(holder.pid)),
            std::string::npos);
  kill_and_wait(holder);
  EXPECT_EQ(refusal_of(folder.path()), "");
}

TEST(RunLock, OfRacingStartsExactlyOneWins) {
  for (int round = 0; round < 10; ++round) {
    const TemporaryFolder folder;
    std::array<int, 2> start_signal{};
    ASSERT_EQ(::pipe(start_signal.data()), 0);
    std::vector<Contender> contenders;
    for (int i = 0; i < 6; ++i) {
      contenders.push_back(start(folder.path(), start_signal[0]));
    }
    ASSERT_EQ(::write(start_signal[1], "gogogo", 6), 6);
    int winners = 0;
    for (const Contender& contender : contenders) {
      winners += outcome_of(contender) == 'w' ? 1 : 0;
    }
    EXPECT_EQ(winners, 1);
    for (const Contender& contender : contenders) {
      kill_and_wait(contender);
    }
    ::close(start_signal[0]);
    ::close(start_signal[1]);
  }
}

TEST(RunLock, LeavesNoFolderThatItMadeForNothing) {
  const TemporaryFolder folder;
  { const RunLock lock(folder / "run"); }
  EXPECT_FALSE(fs::exists(folder / "run"));
  {
    const RunLock lock(folder / "run");
    write_file(folder / "run" / "metrics.jsonl", "{}");
  }
  EXPECT_TRUE(fs::exists(folder / "run" / "metrics.jsonl"));
  fs::create_directories(folder / "empty");
  { const RunLock lock(folder / "empty"); }
  EXPECT_TRUE(fs::exists(folder / "empty"));
}

TEST(RunLock, AFolderThatCannotBeMade_IsRefused) {
  const TemporaryFolder folder;
  write_file(folder / "file", "");
  EXPECT_THROW(RunLock{folder / "file" / "run"}, BadInput);
}

}  // namespace
}  // namespace bam
