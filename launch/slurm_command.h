#pragma once

#include <span>
#include <string>

namespace bam {

/// `bam pipeline slurm RECIPE`: submits what is neither done nor in the queue.
int slurm_command(std::span<const std::string> arguments);

}  // namespace bam
