#pragma once

#include <span>
#include <string>

namespace bam {

/// `bam import`: a published dense model (Hugging Face, Cohere family) as a checkpoint, to be a
/// seed or an expert. Starts no MPI. Returns the exit code.
int import_command(std::span<const std::string> arguments);

}  // namespace bam
