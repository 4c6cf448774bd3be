#pragma once

#include <cstdint>

#include "parallel/planner/verify/recheck.h"

namespace bam {

/// Whether any placement at all has its slowest rank done by `time`, averaged over the windows: all
/// of them are gone through, as far as that does not take more than `steps` steps. Unequal ranks,
/// equal and free shares (free ones on equal ranks whose slots are all used); with a node limit or
/// free shares, a single window. Otherwise the answer is kPossible.
Recheck placements_within(const PlacementProblem& problem, double time, std::int64_t steps);

/// Whether the groups of experts can be put on nodes so that every node is done by `time`, averaged
/// over the windows, if its own ranks share the work perfectly.
Recheck groups_fit(const PlacementProblem& problem, double time, std::int64_t steps);

}  // namespace bam
