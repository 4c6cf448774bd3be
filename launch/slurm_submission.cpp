#include "launch/slurm_submission.h"

#include <algorithm>
#include <charconv>

#include "runtime/check.h"

namespace bam {
namespace {

/// Of a queued array's task: its place in the batch; 0 for a job of its own.
std::size_t place_of(const QueuedTask& task) {
  const auto cut = task.id.find('_');
  std::size_t place = 0;
  if (cut != std::string::npos) {
    std::from_chars(task.id.data() + cut + 1, task.id.data() + task.id.size(), place);
  }
  return place;
}

template <class Values>
std::string joined(const Values& values, const std::string& separator) {
  std::string all;
  for (const auto& value : values) {
    all += (all.empty() ? "" : separator) + message_of(value);
  }
  return all;
}

/// It was never started, and waits for others.
bool waits_for_jobs(const QueuedTask& task) {
  return task.state == "PENDING" && task.reason.starts_with("Dependency");
}

}  // namespace

std::vector<std::string> sbatch_arguments(const SlurmRun& run, const RunTag& tag,
                                          const SlurmBatch& batch,
                                          const std::vector<std::size_t>& tasks,
                                          const std::vector<std::string>& after) {
  const SlurmSettings& settings = run.settings;
  const std::int64_t ranks = batch.jobs.front()->ranks;
  const auto log =
      run.folder / "slurm" / (batch.name + (batch.is_array() ? "-%A_%a" : "-%j") + ".out");
  std::vector<std::string> words = {"--job-name=" + tag.slurm_name(batch.name),
                                    "--output=" + log.string(),
                                    "--open-mode=append",
                                    "--requeue",
                                    message_of("--signal=B:USR1@", settings.warning),
                                    message_of("--ntasks=", ranks),
                                    message_of("--cpus-per-task=", settings.cpus_per_rank)};
  const auto add = [&](const std::string& option, const std::string& value) {
    if (!value.empty()) {
      words.push_back(option + "=" + value);
    }
  };
  add("--partition", settings.partition);
  add("--time", settings.time);
  add("--nodes", ranks > 1 && settings.nodes > 0 ? std::to_string(settings.nodes) : "");
  add("--array", batch.is_array() ? joined(tasks, ",") : "");
  if (!after.empty()) {
    words.insert(words.end(),
                 {"--dependency=afterok:" + joined(after, ":"), "--kill-on-invalid-dep=yes"});
  }
  words.insert(words.end(), settings.more.begin(), settings.more.end());
  words.insert(words.end(), {run.script.string(), run.program.string()});
  words.insert(words.end(), run.script_arguments.begin(), run.script_arguments.end());
  for (const Job* job : batch.jobs) {
    words.push_back(job->name);
  }
  return words;
}

SlurmState::SlurmState(const std::vector<Job>& jobs, const std::filesystem::path& stamps,
                       const RunTag& tag, const std::vector<QueuedTask>& queue)
    : jobs_(jobs), batches_(slurm_batches_of(jobs)) {
  for (const Job& job : jobs) {
    if (bam::is_done(job, stamps)) {
      done_.insert(job.name);
    }
  }
  for (const QueuedTask& task : queue) {
    check_input(!tag.is_other_version(task.name), "Slurm job ", task.id, " (", task.name,
                ") is of another version of this recipe; wait for it or cancel it: scancel ",
                task.id);
    add_queued(task, tag);
  }
}

void SlurmState::add_queued(const QueuedTask& task, const RunTag& tag) {
  const auto name = tag.batch_of(task.name);
  const auto batch = std::find_if(batches_.begin(), batches_.end(),
                                  [&](const SlurmBatch& other) { return name == other.name; });
  const std::size_t place = place_of(task);
  if (batch != batches_.end() && place < batch->jobs.size()) {
    queued_[batch->jobs[place]->name] = task;
  }
}

const QueuedTask* SlurmState::queued(const std::string& job) const {
  const auto found = queued_.find(job);
  return found == queued_.end() ? nullptr : &found->second;
}

std::vector<std::string> SlurmState::stranded() const {
  std::set<std::string> found;
  const auto is_lost = [&](const std::string& job) {
    return !is_done(job) && (queued(job) == nullptr || found.contains(job));
  };
  for (const Job& job : jobs_) {
    const QueuedTask* task = queued(job.name);
    if (task != nullptr && waits_for_jobs(*task) &&
        std::any_of(job.after.begin(), job.after.end(), is_lost)) {
      found.insert(job.name);
    }
  }
  return {found.begin(), found.end()};
}

}  // namespace bam
