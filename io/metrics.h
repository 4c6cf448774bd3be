#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "io/open_file.h"

namespace bam {

/// A run's `metrics.jsonl`: one JSON object a line, each with its "step".
class MetricsLog {
 public:
  /// Goes on after step `last_step`: lines of later steps, which a resumed run computes again, and a
  /// torn last line are dropped. Throws BadInput where the file cannot be written.
  MetricsLog(const std::filesystem::path& path, std::int64_t last_step);

  /// Appends a line; it is in the file when this returns. Throws Error where it cannot be written
  /// (disk full): the next call then writes it too.
  void write(const nlohmann::json& line);

 private:
  OpenFile file_;
  std::int64_t bytes_;   // of whole lines in it
  std::string waiting_;  // lines that are not
};

}  // namespace bam
