#pragma once

#include <span>
#include <string>

namespace bam {

/// `bam inspect [show|verify|diff|lineage|tree] FILE`: what a checkpoint or a config is, whether a
/// checkpoint is whole, what two differ in, where one comes from, what its file holds. Files are read
/// in a child process under limits. Starts no MPI. Returns the exit code.
int inspect_command(std::span<const std::string> arguments);

}  // namespace bam
