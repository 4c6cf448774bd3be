#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "launch/jobs.h"

namespace bam {

/// What sbatch is asked for at a time: one job of a recipe, or several that wait for the same ones
/// (all branches, say) as an array; job i of the recipe's is then task i of the array.
struct SlurmBatch {
  std::string name;
  std::vector<const Job*> jobs;

  bool is_array() const { return jobs.size() > 1; }
  const std::vector<std::string>& after() const { return jobs.front()->after; }
};

/// Inputs before what reads them. The jobs must outlive the batches.
std::vector<SlurmBatch> slurm_batches_of(const std::vector<Job>& jobs);

/// Marks a Slurm job's name as of one run folder and one version of its recipe:
/// `train-seed@FOLDER-RECIPE`.
class RunTag {
 public:
  RunTag(const std::filesystem::path& run_folder, const std::vector<Job>& jobs);

  /// Of a batch, as Slurm gets it.
  std::string slurm_name(const std::string& batch) const {
    return batch + "@" + folder_ + "-" + recipe_;
  }
  /// The batch's name, where it is of this folder and recipe.
  std::optional<std::string> batch_of(const std::string& slurm_name) const;
  /// Whether it is of this folder and another version of the recipe.
  bool is_other_version(const std::string& slurm_name) const;

 private:
  std::string folder_;  // 8 hexadecimal digits each
  std::string recipe_;
};

}  // namespace bam
