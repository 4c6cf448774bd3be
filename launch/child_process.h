#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <string>
#include <vector>

namespace bam {

/// A program to run.
struct ChildCommand {
  std::vector<std::string> words;
  std::map<std::string, std::string> environment;  // added to this program's own
  int stop_signal = SIGTERM;                       // asks it to end in its own way
  bool is_terminated_elsewhere = false;  // whoever sends this program SIGTERM tells it too
  int output = STDOUT_FILENO;            // open files of this program that it writes to
  int errors = STDERR_FILENO;

  /// As it would be typed.
  std::string text() const;
};

/// Starts a program and returns its process. It has a process group of its own, so that a terminal's
/// Ctrl-C reaches it through this program alone, and `blocked` for its blocked signals. Throws Error
/// where it cannot be started.
pid_t start_child(const ChildCommand& command, const sigset_t& blocked);

/// 128 + signal where one killed it: what a shell says of a status that waitpid gave.
int exit_code_of(int status);

/// Runs a program to its end with this one's output and returns its exit code (128 + signal where
/// it was killed by one). At the first SIGINT, SIGTERM or SIGUSR1 the child gets its stop_signal,
/// at the second SIGTERM, and the code is kInterrupted, kTerminated, or kGoOn (unless the child
/// came to a good end after all) once it has ended. Throws Error where the program cannot be
/// started.
int run_child(const ChildCommand& command);

}  // namespace bam
