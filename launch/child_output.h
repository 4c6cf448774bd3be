#pragma once

#include <string>
#include <vector>

namespace bam {

/// What a program that ran to its end left behind.
struct ChildOutput {
  int code = 0;        // 128 + signal where it was killed by one
  std::string text;    // its standard output
  std::string errors;  // its standard error
};

/// Runs a short program and reads what it prints. Throws Error where it cannot be started.
ChildOutput output_of(const std::vector<std::string>& words);

}  // namespace bam
