#pragma once

#include <cstdint>

#include "parallel/planner/draft.h"
#include "parallel/planner/steps.h"

namespace bam {

/// How long a search goes on.
struct SearchLimits {
  double target = 0;       // cost it is content with
  std::int64_t steps = 0;  // steps it may look at
  std::uint64_t seed = 1;
};

/// The best placement met in taking load off the slowest rank by moving, exchanging, adding and
/// dropping replicas until nothing helps, from several starts, then in disturbing the best and
/// going on from there. `bound` is a cost no placement can beat. Same input, same result.
Draft searched(const PlacementProblem& problem, double bound, const SearchLimits& limits);

}  // namespace bam
