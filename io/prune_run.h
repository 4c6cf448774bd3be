#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "io/retention.h"

namespace bam {

/// What becomes of a run's checkpoints.
struct PrunePlan {
  std::vector<std::int64_t> kept;  // steps, ascending
  std::vector<std::int64_t> removed;
  std::vector<std::int64_t> damaged;  // kept, and not counted
  std::int64_t bytes = 0;             // that go with the removed
};

/// Decides what `retention` keeps of the run's whole checkpoints, so that a damaged one never takes
/// a good one's place: where any is to go, every byte of those that stay is read. The one that
/// `latest` names stays in any case. Throws BadInput where the folder holds no checkpoint.
PrunePlan plan_prune(const std::filesystem::path& run, const Retention& retention);

/// Removes what the plan says, oldest first.
void prune_run(const std::filesystem::path& run, const PrunePlan& plan);

}  // namespace bam
