#pragma once

#include <span>
#include <string>

namespace bam {

/// `bam plan VERB`: where experts should be, whether a model fits, how long a step takes
/// (docs/planning.md). Returns the exit code.
int plan_command(std::span<const std::string> arguments);

}  // namespace bam
