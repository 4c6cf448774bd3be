#include "launch/pipeline_command.h"

#include <unistd.h>

#include <csignal>
#include <iostream>
#include <memory>

#include "io/results_table.h"
#include "io/run_lock.h"
#include "io/text_file.h"
#include "io/text_proto.h"
#include "launch/exit_codes.h"
#include "launch/mpi_launcher.h"
#include "launch/pipeline_options.h"
#include "launch/recipe_jobs.h"
#include "launch/slurm_command.h"
#include "launch/slurm_launcher.h"
#include "runtime/check.h"

namespace bam {
namespace {

namespace fs = std::filesystem;
namespace po = boost::program_options;

CommandLine command_line() {
  CommandLine command = pipeline_command_line(
      "bam pipeline run RECIPE: runs what is not done yet of a recipe\n"
      "bam pipeline slurm RECIPE: submits it as Slurm jobs");
  command.options.add_options()("hostfile", po::value<std::string>()->default_value(""),
                                "Open MPI hostfile: several machines")(
      "only", po::value<std::string>(), "run this one job, whose inputs are done")(
      "launcher", po::value<std::string>()->default_value("mpirun"),
      "what starts ranks: mpirun, or srun inside a Slurm job");
  return command;
}

std::unique_ptr<Launcher> launcher_of(const po::variables_map& options) {
  const std::string name = options["launcher"].as<std::string>();
  check_input(name == "mpirun" || name == "srun", "--launcher: ", name,
              " is neither mpirun nor srun");
  if (name == "srun") {
    return std::make_unique<SlurmLauncher>(this_slurm_job());
  }
  const std::string hostfile = options["hostfile"].as<std::string>();
  check_input(hostfile.empty() || fs::exists(hostfile), "--hostfile: ", hostfile,
              ": there is no such file");
  return std::make_unique<MpiLauncher>(this_machine(hostfile));
}

int print(const std::vector<Job>& jobs) {
  for (const auto& job : jobs) {
    std::cout << job.name << ": " << job.title << "\n";
    for (const auto& command : job.commands) {
      std::cout << "  " << command << "\n";
    }
  }
  return kDone;
}

void print_end(const proto::Recipe& recipe, const RunFolder& folder) {
  std::cout
      << "\nPerplexity by domain (± half the 95 % interval), and what each row cost\n\n"
      << text_of(perplexity_table(read_results(folder.results()), titles_of(recipe)))
      << "\nA control is matched to the mixture phase only: the same tokens in the same order.\n"
      << folder.results().string() << "\n"
      << folder.report().string() << "\n";
}

int run_all(const proto::Recipe& recipe, const RunFolder& folder, const std::vector<Job>& jobs) {
  const RunLock lock = lock_surely(folder.root());
  write_file(folder.recipe(), text_of(recipe));
  const int code = run_jobs(jobs, folder.stamps());
  if (code == kDone) {
    print_end(recipe, folder);
  }
  return code;
}

/// Beside others of the same run.
int run_one(const proto::Recipe& recipe, const RunFolder& folder, const std::vector<Job>& jobs,
            const std::string& name) {
  const RunLock lock = lock_surely(folder.root(), kLockFile, RunLock::Mode::kWithOthers);
  if (!fs::exists(folder.recipe()) || read_file(folder.recipe()) != text_of(recipe)) {
    write_file(folder.recipe(), text_of(recipe));
  }
  return run_only(jobs, name, folder.stamps());
}

/// kGoOn is for jobs that have something to go on from.
void fail_at_early_warning() {
  std::signal(SIGUSR1, [](int) { _exit(kFailed); });
}

int run_command(std::span<const std::string> arguments) {
  const auto options = read_command_line(command_line(), arguments);
  if (!options) {
    return kDone;
  }
  if (options->contains("only")) {
    fail_at_early_warning();
  }
  const std::string verb = (*options)["verb"].as<std::string>();
  check_input(verb == "run", "bam pipeline ", verb,
              ": there is no such verb; `run` and `slurm` are");
  const proto::Recipe recipe = recipe_of(*options);
  const RunFolder folder = run_folder_of(*options, recipe);
  const auto launcher = launcher_of(*options);
  const auto jobs = jobs_of(recipe, folder, *launcher);
  if ((*options)["dry-run"].as<bool>()) {
    return print(jobs);
  }
  make_folder(folder.root());
  fs::create_directories(folder.root() / "scores");
  return options->contains("only")
             ? run_one(recipe, folder, jobs, (*options)["only"].as<std::string>())
             : run_all(recipe, folder, jobs);
}

}  // namespace

int pipeline_command(std::span<const std::string> arguments) {
  const bool is_slurm = !arguments.empty() && arguments.front() == "slurm";
  return is_slurm ? slurm_command(arguments) : run_command(arguments);
}

}  // namespace bam
