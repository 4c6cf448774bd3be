#include "tests/launch/program.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "io/open_file.h"
#include "io/text_file.h"
#include "launch/mpi_launcher.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kPause{2};

std::chrono::minutes patience() {
  return std::chrono::minutes(std::getenv("BAM_FAULTS_LONG") == nullptr ? 4 : 45);
}

/// Its output goes into files.
pid_t start(ChildCommand command, const TemporaryFolder& outputs) {
  const OpenFile out(outputs / "out", OpenFile::Mode::kCreate);
  const OpenFile errors(outputs / "err", OpenFile::Mode::kCreate);
  command.output = out.descriptor();
  command.errors = errors.descriptor();
  sigset_t none;
  sigemptyset(&none);
  return start_child(command, none);
}

/// One core, whatever the machine has: ranks share what there is with the other tests.
MpiLauncher launcher() { return {BAM_PROGRAM, "", {1, 1}, geteuid() == 0, false}; }

}  // namespace

Program::Program(const ChildCommand& command) : id_(start(command, files_)) {}

Program::~Program() {
  if (is_running()) {
    kill(id_, SIGKILL);
    waitpid(id_, &status_, 0);
  }
}

std::vector<pid_t> Program::children() const {
  std::vector<pid_t> found;
  for (const auto& thread : fs::directory_iterator("/proc/" + std::to_string(id_) + "/task")) {
    std::ifstream list(thread.path() / "children");
    for (pid_t child = 0; list >> child;) {
      found.push_back(child);
    }
  }
  return found;
}

bool Program::is_running() {
  if (rusage usage{}; !has_ended_ && wait4(id_, &status_, WNOHANG, &usage) == id_) {
    has_ended_ = true;
    peak_bytes_ = 1024 * usage.ru_maxrss;
  }
  return !has_ended_;
}

Outcome Program::wait() {
  const auto end = std::chrono::steady_clock::now() + patience();
  while (is_running()) {
    if (std::chrono::steady_clock::now() > end) {
      kill(id_, SIGKILL);
    }
    std::this_thread::sleep_for(kPause);
  }
  return {exit_code_of(status_), read_file(files_ / "out"), read_file(files_ / "err"), peak_bytes_};
}

ChildCommand alone(const Words& arguments) { return launcher().alone(arguments); }

ChildCommand on_ranks(int ranks, const Words& arguments) {
  return ranks == 1 ? alone(arguments) : launcher().on_ranks(ranks, arguments);
}

Outcome outcome_of(const ChildCommand& command) { return Program(command).wait(); }

}  // namespace bam
