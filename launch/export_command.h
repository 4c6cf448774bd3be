#pragma once

#include <span>
#include <string>

namespace bam {

/// `bam export`: a dense checkpoint as a folder that Hugging Face transformers loads. Starts no
/// MPI. Returns the exit code.
int export_command(std::span<const std::string> arguments);

}  // namespace bam
