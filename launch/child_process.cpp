#include "launch/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>

#include "launch/exit_codes.h"
#include "runtime/check.h"

namespace bam {
namespace {

/// Signals that wait to be asked for while it lives, instead of ending the program.
class HeldSignals {
 public:
  HeldSignals() {
    sigemptyset(&held_);
    for (const int number : {SIGINT, SIGTERM, SIGUSR1, SIGCHLD}) {
      sigaddset(&held_, number);
    }
    check(sigprocmask(SIG_BLOCK, &held_, &before_) == 0, "sigprocmask: ", std::strerror(errno));
  }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;
  ~HeldSignals() { sigprocmask(SIG_SETMASK, &before_, nullptr); }

  const sigset_t& before() const { return before_; }

  /// The next signal, or 0 after a fifth of a second without one.
  int next() const {
    constexpr timespec kWait{0, 200'000'000};
    const int number = sigtimedwait(&held_, nullptr, &kWait);
    return number > 0 ? number : 0;
  }

 private:
  sigset_t held_;
  sigset_t before_;
};

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (auto& text : texts) {
    pointers.push_back(text.data());
  }
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> environment_with(const std::map<std::string, std::string>& added) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!added.contains(text.substr(0, text.find('=')))) {
      all.push_back(text);
    }
  }
  for (const auto& [name, value] : added) {
    all.push_back(name + "=" + value);
  }
  return all;
}

int code_after(int received, int status) {
  switch (received) {
    case 0:
      return exit_code_of(status);
    case SIGINT:
      return kInterrupted;
    case SIGUSR1:
      return exit_code_of(status) == kDone ? kDone : kGoOn;
    default:
      return kTerminated;
  }
}

void hand_on(int number, pid_t child, const ChildCommand& command, bool is_first) {
  if (number == SIGTERM && command.is_terminated_elsewhere) {
    return;
  }
  kill(-child, is_first ? command.stop_signal : SIGTERM);
  std::cerr << (is_first ? "\nbam: stopping; once more stops at once\n" : "");
}

}  // namespace

std::string ChildCommand::text() const {
  std::string all;
  for (const auto& [name, value] : environment) {
    all += name + "=" + value + " ";
  }
  for (const auto& word : words) {
    all += word + " ";
  }
  all.pop_back();
  return all;
}

int exit_code_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

pid_t start_child(const ChildCommand& command, const sigset_t& blocked) {
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setsigmask(&attributes, &blocked);
  sigset_t ignored_here;
  sigemptyset(&ignored_here);
  sigaddset(&ignored_here, SIGPIPE);
  sigaddset(&ignored_here, SIGXFSZ);
  posix_spawnattr_setsigdefault(&attributes, &ignored_here);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, command.output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, command.errors, STDERR_FILENO);

  auto words = command.words;
  auto environment = environment_with(command.environment);
  pid_t child = 0;
  const int failure = posix_spawnp(&child, words.front().c_str(), &files, &attributes,
                                   pointers_to(words).data(), pointers_to(environment).data());
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  check(failure == 0, words.front(), " cannot be started: ", std::strerror(failure));
  return child;
}

int run_child(const ChildCommand& command) {
  const HeldSignals signals;
  const pid_t child = start_child(command, signals.before());
  int received = 0;
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    const int number = signals.next();
    if (number != 0 && number != SIGCHLD) {
      hand_on(number, child, command, received == 0);
      received = number;
    }
  }
  return code_after(received, status);
}

}  // namespace bam
