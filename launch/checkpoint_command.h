#pragma once

#include <span>
#include <string>

namespace bam {

/// `bam checkpoint prune RUN`: removes checkpoints of a run that are not to stay. Starts no MPI.
/// Returns the exit code.
int checkpoint_command(std::span<const std::string> arguments);

}  // namespace bam
