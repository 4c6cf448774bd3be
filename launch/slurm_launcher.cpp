#include "launch/slurm_launcher.h"

#include <charconv>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include "runtime/check.h"

namespace bam {
namespace {

int cpus_per_task() {
  const char* given = std::getenv("SLURM_CPUS_PER_TASK");
  if (given == nullptr) {
    return 1;
  }
  const std::string_view text = given;
  int cpus = 0;
  const auto end = std::from_chars(text.begin(), text.end(), cpus);
  check_input(end.ec == std::errc() && end.ptr == text.end() && cpus > 0,
              "SLURM_CPUS_PER_TASK: ", text, " is not a number of processors");
  return cpus;
}

}  // namespace

ChildCommand SlurmLauncher::alone(std::vector<std::string> arguments) const {
  ChildCommand command{{program_.string()}, {}};
  command.environment["OMP_NUM_THREADS"] = std::to_string(cpus_per_rank_);
  command.words.insert(command.words.end(), arguments.begin(), arguments.end());
  return command;
}

ChildCommand SlurmLauncher::on_ranks(std::int64_t ranks, std::vector<std::string> arguments) const {
  const std::string cpus = std::to_string(cpus_per_rank_);
  // srun does not take over what sbatch was told about processors.
  ChildCommand command{
      {"srun", "-K1", "--ntasks=" + std::to_string(ranks), "--cpus-per-task=" + cpus},
      {{"OMP_NUM_THREADS", cpus}, {"BAM_PROGRESS", "lines"}}};
  if (chooses_mpi_) {
    command.words.emplace_back("--mpi=pmix");
  }
  command.words.push_back(program_.string());
  command.words.insert(command.words.end(), arguments.begin(), arguments.end());
  command.stop_signal = SIGUSR1;  // srun hands it to its ranks
  command.is_terminated_elsewhere = true;
  return command;
}

SlurmLauncher this_slurm_job() {
  check_input(std::getenv("SLURM_JOB_ID") != nullptr,
              "--launcher srun: SLURM_JOB_ID is not set; this is not inside a Slurm job");
  return {std::filesystem::read_symlink("/proc/self/exe"), cpus_per_task(),
          std::getenv("SLURM_MPI_TYPE") == nullptr};
}

}  // namespace bam
