#pragma once

#include <span>
#include <string>

namespace bam {

/// `bam pipeline run RECIPE [--runs DIR]`: every phase of a recipe that is not done yet.
int pipeline_command(std::span<const std::string> arguments);

}  // namespace bam
