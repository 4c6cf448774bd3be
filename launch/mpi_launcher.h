#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "launch/child_process.h"

namespace bam {

/// Processors this process may run on: hardware threads, and cores counted once.
struct Processors {
  int threads = 1;
  int cores = 1;
};
Processors available_processors();

/// How programs are started on this machine, or on those of a hostfile.
struct MpiLauncher {
  std::filesystem::path program;  // `bam`
  std::filesystem::path hostfile;  // empty: this machine alone
  Processors processors;
  bool is_root = false;
  bool has_terminal = true;  // else ranks print progress line by line

  /// `bam arguments...` in one process that has every core.
  ChildCommand alone(std::vector<std::string> arguments) const;
  /// The same on `ranks` ranks under mpirun; cores are dealt to the ranks and bound. More ranks than
  /// cores share them unbound.
  ChildCommand on_ranks(std::int64_t ranks, std::vector<std::string> arguments) const;
};

/// For this machine and the program that is running.
MpiLauncher this_machine(std::filesystem::path hostfile);

}  // namespace bam
