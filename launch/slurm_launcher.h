#pragma once

#include <filesystem>

#include "launch/launcher.h"

namespace bam {

/// How programs are started inside a Slurm job: ranks by srun over the job's nodes.
class SlurmLauncher : public Launcher {
 public:
  SlurmLauncher(std::filesystem::path program, int cpus_per_rank, bool chooses_mpi)
      : program_(std::move(program)), cpus_per_rank_(cpus_per_rank), chooses_mpi_(chooses_mpi) {}

  ChildCommand alone(std::vector<std::string> arguments) const override;
  /// Under srun, which ends all ranks when one fails. `chooses_mpi`: with PMIx; else srun does as
  /// its own settings say.
  ChildCommand on_ranks(std::int64_t ranks, std::vector<std::string> arguments) const override;

 private:
  std::filesystem::path program_;  // `bam`
  int cpus_per_rank_;
  bool chooses_mpi_;
};

/// For the job that this process is part of and the program that is running. Throws BadInput where
/// it is not part of one.
SlurmLauncher this_slurm_job();

}  // namespace bam
