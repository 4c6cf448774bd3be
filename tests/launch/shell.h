#pragma once

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <string>

#include "runtime/check.h"

namespace bam {

/// How a command line ended, and all it printed.
struct Ended {
  int code = -1;
  std::string text;
};

inline Ended run_in_shell(const std::string& command) {
  Ended ended;
  FILE* output = ::popen((command + " 2>&1").c_str(), "r");
  check(output != nullptr, command, ": cannot be started");
  std::array<char, 4096> piece{};
  while (const std::size_t got = std::fread(piece.data(), 1, piece.size(), output)) {
    ended.text.append(piece.data(), got);
  }
  const int status = ::pclose(output);
  ended.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ended;
}

}  // namespace bam
