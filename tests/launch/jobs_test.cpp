#include "launch/jobs.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <thread>

#include "io/run_lock.h"
#include "io/text_file.h"
#include "launch/child_output.h"
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

/// Training, as far as restarts are concerned: leaves `checkpoint` (where not empty) and ends with
/// `code`.
Job resuming_job(const TemporaryFolder& folder, const std::string& checkpoint, int code) {
  Job job{"train", "train", "1", {folder / "train"}, {}, {}};
  job.resumes = true;
  job.run = [path = folder / "train", checkpoint, code] {
    std::filesystem::create_directories(path);
    if (!checkpoint.empty()) {
      write_file(path / "latest", checkpoint);
    }
    return code;
  };
  return job;
}

/// Runs of a training job by one call of run_jobs, where each ends with `code`.
int runs_until_given_up(const std::string& checkpoint, int code) {
  const TemporaryFolder folder;
  int runs = 0;
  Job job = resuming_job(folder, checkpoint, code);
  job.run = [&runs, run = job.run] {
    ++runs;
    return run();
  };
  EXPECT_EQ(run_jobs({job}, folder / "stamps"), code);
  return runs;
}

TEST(Jobs, ThatCrashAreRunAgainThriceWithoutProgress) {
  EXPECT_EQ(runs_until_given_up("", 137), 1 + kRestarts);
  EXPECT_EQ(runs_until_given_up("step-5", kHung), 1 + kRestarts);
}

TEST(Jobs, ThatCannotGoBetterAreNotRunAgain) {
  for (const int code : {kBadInput, kDiverged, kInterrupted, kTerminated, kGoOn}) {
    EXPECT_EQ(runs_until_given_up("step-5", code), 1) << code;
  }
}

TEST(OnlyOneJob, IsRunOnceAndRefusedBeforeItsInputs) {
  const TemporaryFolder folder;
  int runs = 0;
  std::vector<Job> jobs = {writing_job(folder, "a", "1", runs),
                           writing_job(folder, "b", "2", runs)};
  jobs[1].after = {"a"};
  EXPECT_THROW(run_only(jobs, "b", folder / "stamps"), BadInput);
  EXPECT_THROW(run_only(jobs, "c", folder / "stamps"), BadInput);
  EXPECT_EQ(runs, 0);
  for (const char* name : {"a", "b", "a", "b"}) {
    EXPECT_EQ(run_only(jobs, name, folder / "stamps"), kDone);
  }
  EXPECT_EQ(runs, 2);
}

TEST(OnlyOneJob, IsRefusedWhileAnotherProcessIsAtIt) {
  const TemporaryFolder folder;
  int runs = 0;
  const std::vector<Job> jobs = {writing_job(folder, "a", "1", runs)};
  std::filesystem::create_directories(folder / "stamps");
  const RunLock other(folder / "stamps", "a.lock");
  try {
    run_only(jobs, "a", folder / "stamps");
    FAIL() << "was not refused";
  } catch (const BadInput& error) {
    EXPECT_NE(std::string(error.what()).find("process " + std::to_string(getpid())),
              std::string::npos)
        << error.what();
  }
  EXPECT_EQ(runs, 0);
}

TEST(OnlyOneJob, GoesOnAfterAWarningThatLeftACheckpoint) {
  const TemporaryFolder folder;
  const auto run = [&](const std::string& checkpoint, int code) {
    return run_only({resuming_job(folder, checkpoint, code)}, "train", folder / "stamps");
  };
  EXPECT_EQ(run("step-5", kGoOn), kGoOn);
  EXPECT_EQ(run("step-9", kGoOn), kGoOn);
  EXPECT_EQ(run("step-9", kGoOn), kFailed);
  EXPECT_EQ(run("", kTerminated), kTerminated);
  EXPECT_EQ(run("", kBadInput), kBadInput);
  EXPECT_EQ(run("step-12", kDone), kDone);
}

TEST(OnlyOneJob, IsRestartedThriceWithoutProgress) {
  const TemporaryFolder folder;
  const auto run = [&](const std::string& checkpoint) {
    return run_only({resuming_job(folder, checkpoint, 137)}, "train", folder / "stamps");
  };
  EXPECT_EQ(run(""), kGoOn);
  EXPECT_EQ(run(""), kGoOn);
  for (int i = 0; i < kRestarts; ++i) {
    EXPECT_EQ(run("step-5"), kGoOn) << i;
  }
  EXPECT_EQ(run("step-5"), 137);
}

TEST(ChildProcess, ItsOutputAndErrorsCanBeRead) {
  const ChildOutput output = output_of({"sh", "-c", "echo out; echo err >&2; exit 3"});
  EXPECT_EQ(output.code, 3);
  EXPECT_EQ(output.text, "out\n");
  EXPECT_EQ(output.errors, "err\n");
}

/// What run_child returns where this process gets a signal while the script runs.
int code_when_signalled(int number, ChildCommand command) {
  // The sender inherits the block, so that the signal finds the thread that waits for the child.
  sigset_t held;
  sigemptyset(&held);
  sigaddset(&held, number);
  pthread_sigmask(SIG_BLOCK, &held, nullptr);
  std::thread sender([number] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    kill(getpid(), number);
  });
  pthread_sigmask(SIG_UNBLOCK, &held, nullptr);
  const int code = run_child(command);
  sender.join();
  return code;
}

TEST(ChildProcess, AWarningAsksTheChildToStop) {
  const auto script = [](const std::string& code) {
    return std::vector<std::string>{
        "bash", "-c",
        "trap 'exit " + code + "' USR1; for i in {1..100}; do sleep 0.1; done; exit 9"};
  };
  EXPECT_EQ(code_when_signalled(SIGUSR1, {script("138"), {}, SIGUSR1}), kGoOn);
  EXPECT_EQ(code_when_signalled(SIGUSR1, {script("143"), {}, SIGUSR1}), kGoOn);
  EXPECT_EQ(code_when_signalled(SIGUSR1, {script("0"), {}, SIGUSR1}), kDone);
}

TEST(ChildProcess, IsNotToldTwiceOfATermination) {
  const ChildCommand command{
      {"bash", "-c", "trap 'exit 9' USR1 TERM; for i in {1..8}; do sleep 0.1; done"},
      {},
      SIGUSR1,
      true};
  EXPECT_EQ(code_when_signalled(SIGTERM, command), kTerminated);
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
