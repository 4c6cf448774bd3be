#pragma once

#include <filesystem>
#include <string>

#include "tests/launch/small_world.h"

namespace bam {

/// Two runs' newest checkpoints hold the same weights and moments to the last bit, and the same
/// config, step and tokens.
void expect_same_checkpoint(const std::filesystem::path& a, const std::filesystem::path& b);

/// Both runs logged steps 1 to `steps`, each once, with the same losses, norms and routing to the
/// last bit; speeds and times apart.
void expect_same_metrics(const std::filesystem::path& a, const std::filesystem::path& b, int steps);

/// One number of each line of a run's metrics.
std::vector<double> series(const std::filesystem::path& run, const std::string& field);

}  // namespace bam
