#pragma once

#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

namespace bam {

/// A run's `metrics.jsonl`: one JSON object a line, each with its "step".
class MetricsLog {
 public:
  /// Goes on after step `last_step`: lines of later steps, which a resumed run computes again, and a
  /// torn last line are dropped. Throws BadInput where the file cannot be written.
  MetricsLog(const std::filesystem::path& path, std::int64_t last_step);

  /// Appends a line; it is in the file when this returns.
  void write(const nlohmann::json& line);

 private:
  std::filesystem::path path_;
  std::ofstream file_;
};

}  // namespace bam
