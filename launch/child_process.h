#pragma once

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

  /// As it would be typed.
  std::string text() const;
};

/// Runs a program to its end with this one's output and returns its exit code (128 + signal where it
/// was killed by one). At the first SIGINT or SIGTERM the child gets its stop_signal, at the second
/// SIGTERM, and the code is kInterrupted or kTerminated once it has ended. Throws Error where the
/// program cannot be started.
int run_child(const ChildCommand& command);

}  // namespace bam
