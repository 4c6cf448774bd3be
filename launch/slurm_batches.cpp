#include "launch/slurm_batches.h"

#include <algorithm>
#include <map>

#include "io/content_hash.h"

namespace bam {
namespace {

bool belongs_to(const Job& job, const SlurmBatch& batch) {
  const Job& first = *batch.jobs.front();
  return job.stage == first.stage && job.after == first.after && job.ranks == first.ranks;
}

/// A batch of one is called as its job; arrays as their stage, numbered where there are several.
void name_all(std::vector<SlurmBatch>& batches) {
  std::map<std::string, int> arrays;
  for (SlurmBatch& batch : batches) {
    if (!batch.is_array()) {
      batch.name = batch.jobs.front()->name;
      continue;
    }
    const std::string& stage = batch.jobs.front()->stage;
    const int number = ++arrays[stage];
    batch.name = "all-" + stage + (number == 1 ? "" : "-" + std::to_string(number));
  }
}

std::string short_hash(const std::string& text) { return hex_of(hash_of(text)).substr(0, 8); }

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() > end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

std::vector<SlurmBatch> slurm_batches_of(const std::vector<Job>& jobs) {
  std::vector<SlurmBatch> batches;
  for (const Job& job : jobs) {
    const auto found = std::find_if(batches.begin(), batches.end(), [&](const SlurmBatch& batch) {
      return belongs_to(job, batch);
    });
    if (found == batches.end()) {
      batches.push_back({{}, {&job}});
    } else {
      found->jobs.push_back(&job);
    }
  }
  name_all(batches);
  return batches;
}

RunTag::RunTag(const std::filesystem::path& run_folder, const std::vector<Job>& jobs)
    : folder_(short_hash(std::filesystem::weakly_canonical(run_folder).string())) {
  std::string all;
  for (const Job& job : jobs) {
    all += job.name + "=" + job.recipe_hash + "\n";
  }
  recipe_ = short_hash(all);
}

std::optional<std::string> RunTag::batch_of(const std::string& slurm_name) const {
  const std::string mark = "@" + folder_ + "-" + recipe_;
  if (!ends_with(slurm_name, mark)) {
    return std::nullopt;
  }
  return slurm_name.substr(0, slurm_name.size() - mark.size());
}

bool RunTag::is_other_version(const std::string& slurm_name) const {
  return slurm_name.find("@" + folder_ + "-") != std::string::npos && !batch_of(slurm_name);
}

}  // namespace bam
