#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace bam {

/// A piece of a recipe: what it makes, and how.
struct Job {
  std::string name;   // of its stamp
  std::string title;  // for people
  std::string recipe_hash;  // of everything its outputs follow from
  std::vector<std::filesystem::path> outputs;
  std::vector<std::string> commands;  // as they would be typed; for people
  std::function<int()> run;  // exit code
};

/// Runs the jobs in order, leaving out those whose stamp says that their outputs are made already.
/// A job that was begun and not finished is run again over what it left, so that it can go on from
/// there; what another version of the job left is set aside as `OUTPUT.stale` first. Stops at the
/// first job that fails and returns its exit code.
int run_jobs(const std::vector<Job>& jobs, const std::filesystem::path& stamps);

}  // namespace bam
