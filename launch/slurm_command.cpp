#include "launch/slurm_command.h"

#include <filesystem>
#include <iostream>
#include <optional>

#include "io/run_lock.h"
#include "io/text_file.h"
#include "io/text_proto.h"
#include "launch/child_process.h"
#include "launch/exit_codes.h"
#include "launch/pipeline_options.h"
#include "launch/recipe_jobs.h"
#include "launch/slurm_launcher.h"
#include "launch/slurm_submission.h"
#include "runtime/check.h"

namespace bam {
namespace {

namespace fs = std::filesystem;
namespace po = boost::program_options;

CommandLine command_line() {
  CommandLine command = pipeline_command_line(
      "bam pipeline slurm RECIPE: submits what is neither done nor in Slurm's queue");
  command.options.add_options()("partition", po::value<std::string>()->default_value(""),
                                "Slurm's partition")("time",
                                                     po::value<std::string>()->default_value(""),
                                                     "limit of each start of a job: hh:mm:ss")(
      "nodes", po::value<std::int64_t>()->default_value(0),
      "nodes the ranks lie on; 0: as Slurm likes")("cpus-per-rank",
                                                   po::value<std::int64_t>()->default_value(1),
                                                   "processors, and threads, of a rank")(
      "warning", po::value<std::int64_t>()->default_value(60),
      "seconds before the limit at which training writes a checkpoint and is queued again")(
      "sbatch", po::value<std::vector<std::string>>()->composing(),
      "a further option of sbatch: --sbatch=--account=NAME")(
      "script", po::value<std::string>(), "batch script instead of slurm/job.sh");
  return command;
}

SlurmSettings settings_of(const po::variables_map& options) {
  SlurmSettings settings{
      options["partition"].as<std::string>(), options["time"].as<std::string>(),
      options["nodes"].as<std::int64_t>(),    options["cpus-per-rank"].as<std::int64_t>(),
      options["warning"].as<std::int64_t>(),  {}};
  check_input(settings.nodes >= 0, "--nodes: ", settings.nodes, " is not >= 0");
  check_input(settings.cpus_per_rank > 0, "--cpus-per-rank: ", settings.cpus_per_rank,
              " is not > 0");
  check_input(settings.warning > 0, "--warning: ", settings.warning, " is not > 0");
  if (options.contains("sbatch")) {
    settings.more = options["sbatch"].as<std::vector<std::string>>();
  }
  return settings;
}

SlurmRun run_of(const po::variables_map& options, const RunFolder& folder) {
  return {folder.root(),
          fs::read_symlink("/proc/self/exe"),
          folder.root() / "slurm" / "job.sh",
          {folder.recipe().string(), options["runs"].as<std::string>()},
          settings_of(options)};
}

/// Submits, or with kDryRun says what it would submit.
class Submitter {
 public:
  enum class Mode { kSubmit, kDryRun };

  Submitter(const SlurmRun& run, const RunTag& tag, SlurmState& state, Mode mode)
      : run_(run), tag_(tag), state_(state), mode_(mode) {}

  void submit(const SlurmBatch& batch) {
    std::vector<std::size_t> tasks;
    for (std::size_t i = 0; i < batch.jobs.size(); ++i) {
      if (!is_settled(batch.jobs[i]->name)) {
        tasks.push_back(i);
      }
    }
    if (tasks.empty()) {
      return;
    }
    const std::string id = send(batch, tasks);
    for (const std::size_t i : tasks) {
      state_.add(batch.jobs[i]->name, batch.is_array() ? message_of(id, "_", i) : id);
    }
  }

 private:
  /// Says so, too.
  bool is_settled(const std::string& job) const {
    if (state_.is_done(job)) {
      std::cout << job << ": done before\n";
      return true;
    }
    const QueuedTask* task = state_.queued(job);
    if (task == nullptr) {
      return false;
    }
    std::cout << job << ": in the queue as " << task->id << ", " << task->state;
    if (task->reason.find("Held") != std::string::npos ||
        task->reason.find("held") != std::string::npos) {
      std::cout << ", held (" << task->reason << "): scontrol release " << task->id
                << " lets it start";
    }
    std::cout << "\n";
    return true;
  }

  std::string send(const SlurmBatch& batch, const std::vector<std::size_t>& tasks) {
    std::vector<std::string> after;
    for (const auto& job : batch.after()) {
      if (!state_.is_done(job)) {
        after.push_back(state_.queued(job)->id);
      }
    }
    const auto arguments = sbatch_arguments(run_, tag_, batch, tasks, after);
    if (mode_ == Mode::kDryRun) {
      std::cout << "sbatch " << ChildCommand{arguments, {}}.text() << "\n";
      return "<" + batch.name + ">";
    }
    const std::string id = submit_to_slurm(arguments);
    std::cout << batch.name << ": submitted as " << id << std::endl;
    return id;
  }

  const SlurmRun& run_;
  const RunTag& tag_;
  SlurmState& state_;
  Mode mode_;
};

void cancel_stranded(SlurmState& state) {
  for (const auto& job : state.stranded()) {
    const std::string id = state.queued(job)->id;
    std::cout << job << ": " << id << " waits for a job that failed; it is cancelled\n";
    cancel_in_slurm(id);
    state.forget(job);
  }
}

void submit_all(const std::vector<Job>& jobs, SlurmState& state, Submitter submitter) {
  for (const auto& batch : slurm_batches_of(jobs)) {
    submitter.submit(batch);
  }
  std::cout << (std::all_of(jobs.begin(), jobs.end(),
                            [&](const Job& job) { return state.is_done(job.name); })
                    ? "all is done\n"
                    : "");
}

void write_inputs(const SlurmRun& run, const RunFolder& folder, const proto::Recipe& recipe,
                  const po::variables_map& options) {
  fs::create_directories(folder.root() / "scores");
  write_file(folder.recipe(), text_of(recipe));
  write_file(run.script, options.contains("script") ? read_file(options["script"].as<std::string>())
                                                    : slurm_script());
}

}  // namespace

int slurm_command(std::span<const std::string> arguments) {
  const auto options = read_command_line(command_line(), arguments);
  if (!options) {
    return kDone;
  }
  const proto::Recipe recipe = recipe_of(*options);
  const RunFolder folder = run_folder_of(*options, recipe);
  const SlurmRun run = run_of(*options, folder);
  const SlurmLauncher launcher(run.program, static_cast<int>(run.settings.cpus_per_rank), true);
  const auto jobs = jobs_of(recipe, folder, launcher);
  const RunTag tag(folder.root(), jobs);
  if ((*options)["dry-run"].as<bool>()) {
    SlurmState state(jobs, folder.stamps(), tag, {});
    submit_all(jobs, state, Submitter(run, tag, state, Submitter::Mode::kDryRun));
    return kDone;
  }
  make_folder(run.script.parent_path());
  const RunLock lock = lock_surely(run.script.parent_path());
  SlurmState state(jobs, folder.stamps(), tag, slurm_queue());
  write_inputs(run, folder, recipe, *options);
  cancel_stranded(state);
  submit_all(jobs, state, Submitter(run, tag, state, Submitter::Mode::kSubmit));
  return kDone;
}

}  // namespace bam
