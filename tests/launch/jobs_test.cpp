#include "launch/jobs.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <thread>

#include "io/text_file.h"
#include "launch/child_process.h"
#include "launch/exit_codes.h"
#include "runtime/check.h"
#include "tests/io/temporary_folder.h"

namespace bam {
namespace {

/// A job that writes its hash to a file, and counts how often it was run.
Job writing_job(const TemporaryFolder& folder, const std::string& name, const std::string& hash,
                int& runs, int code = kDone) {
  Job job{name, name, hash, {folder / name}, {}, {}};
  job.run = [path = folder / name, hash, &runs, code] {
    ++runs;
    write_file(path, hash);
    return code;
  };
  return job;
}

TEST(Jobs, DoNothingTheSecondTime) {
  const TemporaryFolder folder;
  int runs = 0;
  const std::vector<Job> jobs = {writing_job(folder, "a", "1", runs),
                                 writing_job(folder, "b", "2", runs)};
  EXPECT_EQ(run_jobs(jobs, folder / "stamps"), kDone);
  EXPECT_EQ(run_jobs(jobs, folder / "stamps"), kDone);
  EXPECT_EQ(runs, 2);
}

TEST(Jobs, RunAgainWhereTheOutputIsGone) {
  const TemporaryFolder folder;
  int runs = 0;
  const std::vector<Job> jobs = {writing_job(folder, "a", "1", runs)};
  run_jobs(jobs, folder / "stamps");
  std::filesystem::remove(folder / "a");
  run_jobs(jobs, folder / "stamps");
  EXPECT_EQ(runs, 2);
}

TEST(Jobs, SetAsideWhatAnotherRecipeMade) {
  const TemporaryFolder folder;
  int runs = 0;
  run_jobs({writing_job(folder, "a", "old", runs)}, folder / "stamps");
  run_jobs({writing_job(folder, "a", "new", runs)}, folder / "stamps");
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(read_file(folder / "a"), "new");
  EXPECT_EQ(read_file(folder / "a.stale"), "old");
}

TEST(Jobs, StopAtAFailureAndGoOnOverWhatItLeft) {
  const TemporaryFolder folder;
  int runs = 0;
  int later_runs = 0;
  const auto later = writing_job(folder, "later", "2", later_runs);
  EXPECT_EQ(run_jobs({writing_job(folder, "a", "1", runs, 7), later}, folder / "stamps"), 7);
  EXPECT_EQ(later_runs, 0);
  EXPECT_EQ(run_jobs({writing_job(folder, "a", "1", runs), later}, folder / "stamps"), kDone);
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(later_runs, 1);
  EXPECT_FALSE(std::filesystem::exists(folder / "a.stale"));
}

TEST(ChildProcess, ReturnsTheExitCode) {
  EXPECT_EQ(run_child({{"sh", "-c", "exit 3"}, {}, SIGTERM}), 3);
  EXPECT_EQ(run_child({{"sh", "-c", "kill -9 $$"}, {}, SIGTERM}), 137);
  EXPECT_EQ(run_child({{"sh", "-c", "exit $CODE"}, {{"CODE", "5"}}, SIGTERM}), 5);
  EXPECT_THROW(run_child({{"/no/such/program"}, {}, SIGTERM}), Error);
}

TEST(ChildProcess, AsksTheChildToStopAndWaits) {
  const TemporaryFolder folder;
  // The sender inherits the block, so that the signal finds the thread that waits for the child.
  sigset_t interrupt;
  sigemptyset(&interrupt);
  sigaddset(&interrupt, SIGINT);
  pthread_sigmask(SIG_BLOCK, &interrupt, nullptr);
  std::thread sender([] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    kill(getpid(), SIGINT);
  });
  const std::string script = "trap 'touch " + (folder / "saw").string() +
                             "; exit 0' USR1; for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.2; done";
  pthread_sigmask(SIG_UNBLOCK, &interrupt, nullptr);
  EXPECT_EQ(run_child({{"bash", "-c", script}, {}, SIGUSR1}), kInterrupted);
  sender.join();
  EXPECT_TRUE(std::filesystem::exists(folder / "saw"));
}

}  // namespace
}  // namespace bam
