#pragma once

#include <span>
#include <string>

namespace bam {

/// `bam pipeline run RECIPE`: every phase of a recipe that is not done yet; `bam pipeline slurm
/// RECIPE`: the same as Slurm jobs.
int pipeline_command(std::span<const std::string> arguments);

}  // namespace bam
