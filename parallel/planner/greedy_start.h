#pragma once

#include "parallel/planner/draft.h"

namespace bam {

/// Replicas an expert gets where each slot in turn goes to the expert with the largest part, no
/// expert getting more than `most`. No other division makes the largest part smaller. (experts)
std::vector<int> greedy_copies(const std::vector<double>& loads, int slots, int most);

/// Puts so many copies of each expert down, the largest part first, each on the rank that would
/// then be done first. Copies that find no room are left out, but never an expert's last.
Draft packed(const PlacementProblem& problem, const std::vector<int>& copies);

}  // namespace bam
