#pragma once

#include <span>
#include <string>

namespace bam {

/// `bam train`: trains a dense model or a mixture, alone or under mpirun or srun. A run folder that
/// has a checkpoint is gone on with.
int train_command(std::span<const std::string> arguments);

}  // namespace bam
