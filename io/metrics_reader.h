#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

namespace bam {

/// The lines of a run's `metrics.jsonl`, one object a step. A torn last line is left out. Throws
/// BadInput where the file cannot be read.
std::vector<nlohmann::json> read_metrics(const std::filesystem::path& file);

}  // namespace bam
