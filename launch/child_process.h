#pragma once

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

/// Runs a program to its end with this one's output and returns its exit code (128 + signal where
/// it was killed by one). At the first SIGINT, SIGTERM or SIGUSR1 the child gets its stop_signal,
/// at the second SIGTERM, and the code is kInterrupted, kTerminated, or kGoOn (unless the child
/// came to a good end after all) once it has ended. Throws Error where the program cannot be
/// started.
int run_child(const ChildCommand& command);

}  // namespace bam
