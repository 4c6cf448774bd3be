#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "launch/slurm_batches.h"
#include "launch/slurm_queue.h"

namespace bam {

/// What a recipe's Slurm jobs ask for beside their ranks. Empty or 0: as sbatch would have it.
struct SlurmSettings {
  std::string partition;
  std::string time;        // limit of each start of a job, as sbatch takes it
  std::int64_t nodes = 0;  // for jobs of several ranks
  std::int64_t cpus_per_rank = 1;
  std::int64_t warning = 60;      // seconds before the limit at which a job is told
  std::vector<std::string> more;  // further options of sbatch
};

/// What every batch of one run is submitted with.
struct SlurmRun {
  std::filesystem::path folder;
  std::filesystem::path program;              // `bam`
  std::filesystem::path script;               // slurm/job.sh
  std::vector<std::string> script_arguments;  // RECIPE RUNS
  SlurmSettings settings;
};

/// Arguments of sbatch for those tasks of a batch, which wait for the Slurm jobs `after`.
std::vector<std::string> sbatch_arguments(const SlurmRun& run, const RunTag& tag,
                                          const SlurmBatch& batch,
                                          const std::vector<std::size_t>& tasks,
                                          const std::vector<std::string>& after);

/// What becomes of a run's jobs: which are done, which are in the queue under which id.
class SlurmState {
 public:
  /// `queue` was read before the stamps are, so that a job that ends meanwhile counts as done.
  /// Throws BadInput where jobs of another version of the recipe are in the queue.
  SlurmState(const std::vector<Job>& jobs, const std::filesystem::path& stamps, const RunTag& tag,
             const std::vector<QueuedTask>& queue);

  bool is_done(const std::string& job) const { return done_.contains(job); }
  /// Null where it is not in the queue.
  const QueuedTask* queued(const std::string& job) const;
  /// Queued jobs that wait for one that failed or was cancelled, and so would never start.
  std::vector<std::string> stranded() const;
  void forget(const std::string& job) { queued_.erase(job); }
  void add(const std::string& job, const std::string& id) {
    queued_[job] = {id, "PENDING", "", ""};
  }

 private:
  void add_queued(const QueuedTask& task, const RunTag& tag);

  const std::vector<Job>& jobs_;
  std::vector<SlurmBatch> batches_;
  std::set<std::string> done_;
  std::map<std::string, QueuedTask> queued_;  // by the recipe's names
};

/// The batch script, slurm/job.sh.
std::string slurm_script();

}  // namespace bam
