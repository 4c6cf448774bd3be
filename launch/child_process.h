#pragma once

#include <map>
#include <string>
#include <vector>

namespace bam {

/// A program to run: its words, and what is added to the environment.
struct ChildCommand {
  std::vector<std::string> words;
  std::map<std::string, std::string> environment;

  /// As it would be typed.
  std::string text() const;
};

/// Runs a program to its end with this one's output and returns its exit code (128 + signal where it
/// was killed by one). SIGINT and SIGTERM meant for this program are passed on, once; the child then
/// ends in its own way, and the code is kInterrupted or kTerminated. Throws Error where the program
/// cannot be started.
int run_child(const ChildCommand& command);

}  // namespace bam
