#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace bam {

/// A piece of a recipe: what it makes, and how.
struct Job {
  std::string name;         // of its stamp
  std::string title;        // for people
  std::string recipe_hash;  // of everything its outputs follow from
  std::vector<std::filesystem::path> outputs;
  std::vector<std::string> commands;  // as they would be typed; for people
  std::function<int()> run;           // exit code
  std::string stage = {};  // what kind of work it is: "data", "branch", "evaluation", ...
  std::vector<std::string> after = {};  // names of the jobs whose outputs it reads
  std::int64_t ranks = 1;
  bool resumes = false;  // goes on from the newest checkpoint in its first output
};

/// Runs the jobs in order, leaving out those whose stamp says that their outputs are made already.
/// A job that was begun and not finished is run again over what it left, so that it can go on from
/// there; what another version of the job left is set aside as `OUTPUT.stale` first. A job that
/// resumes is run again when it crashes, until it has crashed kRestarts times since its newest
/// checkpoint. Stops at the first job that fails and returns its exit code.
int run_jobs(const std::vector<Job>& jobs, const std::filesystem::path& stamps);

/// Whether a job's stamp says that its outputs, which stand, follow from the recipe as it is.
bool is_done(const Job& job, const std::filesystem::path& stamps);

/// Throws BadInput where there is no job of that name.
const Job& job_named(const std::vector<Job>& jobs, const std::string& name);

/// Runs one job, unless it is done, for a batch system; it is refused while its inputs are not done
/// or another process is at it. Returns kGoOn where the same call should be made once more: it was
/// warned by SIGUSR1 and left a checkpoint, or it crashed and has not crashed kRestarts times
/// already since its newest checkpoint.
int run_only(const std::vector<Job>& jobs, const std::string& name,
             const std::filesystem::path& stamps);
inline constexpr int kRestarts = 3;

}  // namespace bam
