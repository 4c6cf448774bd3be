#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "io/checkpoint_writer.h"

namespace bam {

/// {"step": 40, "blocked_seconds": .., "write_seconds": .., "bytes": ..}, or with "failure".
nlohmann::json json_of(const SaveReport& report);

/// "runs/a/step-40: 14.3 MB written in 0.09 s, training waited 0.01 s", or that and why it was not.
std::string text_of(const SaveReport& report, const std::filesystem::path& run);

}  // namespace bam
