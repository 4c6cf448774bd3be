#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

namespace bam {

/// What a process that reads files from outside may take.
struct ReadLimits {
  std::int64_t memory_bytes = std::int64_t{4} << 30;  // on top of what this process has
  std::int64_t cpu_seconds = 60;
};

/// Runs `read` in a child process under limits and returns what it returns: files that are not
/// trusted cannot take this process down, nor write any file. Its exceptions are thrown here,
/// BadInput as BadInput. A crash, or a limit that it passes, is BadInput naming `what`. Called
/// before anything starts threads.
nlohmann::json read_apart(const std::string& what, const ReadLimits& limits,
                          const std::function<nlohmann::json()>& read);

}  // namespace bam
