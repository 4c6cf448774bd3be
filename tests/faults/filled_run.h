#pragma once

#include <cstdint>
#include <filesystem>

namespace bam {

/// Writes step `step` of a tiny mixture's run, its values a function of the step, as training does
/// it: from copies, on a thread. The two newest checkpoints stay. Throws Error where it cannot be
/// written.
void save_filled(const std::filesystem::path& run, std::int64_t step);

}  // namespace bam
