#pragma once

#include <span>
#include <string>

namespace bam {

/// `bam inspect [show|verify] FILE`: what a checkpoint or a config is, or whether a checkpoint is
/// whole. Starts no MPI. Returns the exit code.
int inspect_command(std::span<const std::string> arguments);

}  // namespace bam
