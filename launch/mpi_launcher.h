#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "launch/launcher.h"

namespace bam {

/// Processors this process may run on: hardware threads, and cores counted once.
struct Processors {
  int threads = 1;
  int cores = 1;
};
Processors available_processors();

/// How programs are started on this machine, or on those of a hostfile.
struct MpiLauncher : Launcher {
  MpiLauncher(std::filesystem::path bam, std::filesystem::path hosts, Processors available,
              bool as_root, bool on_terminal = true)
      : program(std::move(bam)),
        hostfile(std::move(hosts)),
        processors(available),
        is_root(as_root),
        has_terminal(on_terminal) {}

  std::filesystem::path program;   // `bam`
  std::filesystem::path hostfile;  // empty: this machine alone
  Processors processors;
  bool is_root;
  bool has_terminal;  // else ranks print progress line by line

  ChildCommand alone(std::vector<std::string> arguments) const override;
  /// Under mpirun; cores are dealt to the ranks and bound. More ranks than
  /// cores share them unbound.
  ChildCommand on_ranks(std::int64_t ranks, std::vector<std::string> arguments) const override;
};

/// For this machine and the program that is running.
MpiLauncher this_machine(std::filesystem::path hostfile);

}  // namespace bam
