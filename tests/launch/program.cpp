#include "tests/launch/program.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <fstream>
#include <thread>

#include "io/text_file.h"
#include "launch/mpi_launcher.h"
#include "runtime/check.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::minutes kPatience{4};
constexpr std::chrono::milliseconds kPause{2};

std::vector<char*> pointers_to(Words& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) {
    pointers.push_back(word.data());
  }
  pointers.push_back(nullptr);
  return pointers;
}

Words environment_with(const ChildCommand& command) {
  Words all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    all.emplace_back(*entry);
  }
  for (const auto& [name, value] : command.environment) {
    all.insert(all.begin(), name + "=" + value);
  }
  return all;
}

void open_as(posix_spawn_file_actions_t& files, int descriptor, const fs::path& path, int flags) {
  check(posix_spawn_file_actions_addopen(&files, descriptor, path.c_str(), flags, 0644) == 0,
        path.string(), ": cannot be a program's ", descriptor);
}

pid_t start(const ChildCommand& command, const TemporaryFolder& outputs) {
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  open_as(files, STDIN_FILENO, "/dev/null", O_RDONLY);
  open_as(files, STDOUT_FILENO, outputs / "out", O_WRONLY | O_CREAT);
  open_as(files, STDERR_FILENO, outputs / "err", O_WRONLY | O_CREAT);
  Words words = command.words;
  Words environment = environment_with(command);
  pid_t child = 0;
  const int failure = posix_spawnp(&child, words.front().c_str(), &files, &attributes,
                                   pointers_to(words).data(), pointers_to(environment).data());
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  check(failure == 0, words.front(), " cannot be started: ", std::strerror(failure));
  return child;
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
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (is_running()) {
    if (std::chrono::steady_clock::now() > end) {
      kill(id_, SIGKILL);
    }
    std::this_thread::sleep_for(kPause);
  }
  const int code = WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
  return {code, read_file(files_ / "out"), read_file(files_ / "err"), peak_bytes_};
}

ChildCommand alone(const Words& arguments) { return launcher().alone(arguments); }

ChildCommand on_ranks(int ranks, const Words& arguments) {
  return ranks == 1 ? alone(arguments) : launcher().on_ranks(ranks, arguments);
}

Outcome outcome_of(const ChildCommand& command) { return Program(command).wait(); }

}  // namespace bam
