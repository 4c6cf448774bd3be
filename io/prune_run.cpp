#include "io/prune_run.h"

#include <algorithm>
#include <optional>

#include "io/checkpoint_reader.h"
#include "runtime/check.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

bool is_whole(const fs::path& checkpoint) {
  try {
    const CheckpointReader reader(checkpoint);
    return true;
  } catch (const BadInput&) {
    return false;
  }
}

bool is_damaged(const fs::path& checkpoint) {
  try {
    CheckpointReader(checkpoint).verify();
    return false;
  } catch (const BadInput&) {
    return true;
  }
}

// Of those that would stay when others go, one with a byte that is not as it was written.
std::optional<std::int64_t> damaged_survivor(const fs::path& run,
                                             const std::vector<std::int64_t>& steps,
                                             const Retention& retention) {
  const std::vector<std::int64_t> removed = steps_to_remove(steps, retention);
  if (removed.empty()) {
    return std::nullopt;
  }
  const auto found = std::ranges::find_if(steps, [&](std::int64_t step) {
    return !std::ranges::binary_search(removed, step) && is_damaged(run / step_folder(step));
  });
  return found == steps.end() ? std::nullopt : std::optional(*found);
}

std::int64_t bytes_in(const fs::path& folder) {
  std::int64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    bytes += entry.is_regular_file() ? static_cast<std::int64_t>(entry.file_size()) : 0;
  }
  return bytes;
}

}  // namespace

PrunePlan plan_prune(const fs::path& run, const Retention& retention) {
  check_input(has_checkpoint(run), run.string(), ": is no run folder with checkpoints");
  const std::int64_t latest = CheckpointReader(run).step();
  PrunePlan plan;
  for (const std::int64_t step : steps_in(run)) {
    (is_whole(run / step_folder(step)) ? plan.kept : plan.damaged).push_back(step);
  }
  while (const auto damaged = damaged_survivor(run, plan.kept, retention)) {
    std::erase(plan.kept, *damaged);
    plan.damaged.push_back(*damaged);
  }
  std::ranges::sort(plan.damaged);
  plan.removed = steps_to_remove(plan.kept, retention);
  std::erase(plan.removed, latest);
  std::erase_if(plan.kept,
                [&](std::int64_t step) { return std::ranges::binary_search(plan.removed, step); });
  for (const std::int64_t step : plan.removed) {
    plan.bytes += bytes_in(run / step_folder(step));
  }
  return plan;
}

void prune_run(const fs::path& run, const PrunePlan& plan) {
  for (const std::int64_t step : plan.removed) {
    remove_checkpoint(run / step_folder(step));
  }
}

}  // namespace bam
