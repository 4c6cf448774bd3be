#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bam {

/// A job in Slurm's queue, or one task of an array.
struct QueuedTask {
  std::string id;      // "12", or "12_3" of an array
  std::string state;   // PENDING, RUNNING, ...
  std::string reason;  // why it waits
  std::string name;
};

/// This user's jobs in the queue, arrays task by task. Throws Error with squeue's own words where
/// it fails or answers in an unknown way.
std::vector<QueuedTask> slurm_queue();

/// Runs sbatch with these arguments and returns the job's id. Throws Error with sbatch's own words
/// where it refuses.
std::string submit_to_slurm(const std::vector<std::string>& arguments);

void cancel_in_slurm(const std::string& id);

/// What `squeue --format=%i|%T|%r|%j` printed. Throws Error, naming the line, where it is not that.
std::vector<QueuedTask> parse_slurm_queue(std::string_view text);

/// What `sbatch --parsable` printed, "12" or "12;cluster". Throws Error where it is neither.
std::string parse_slurm_job_id(std::string_view text);

}  // namespace bam
