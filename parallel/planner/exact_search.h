#pragma once

#include <cstdint>

#include "parallel/planner/draft.h"

namespace bam {

/// Whether the exact search takes the problem on: up to 16 experts and 8 ranks.
bool is_small(const PlacementProblem& problem);

/// Whether it is likely to come to an end too: up to 5 slots a rank.
bool is_provable(const PlacementProblem& problem);

/// A placement and a time that no placement can beat.
struct Bounded {
  Draft draft;
  double bound = 0;
};

/// Looks for better placements and rules out the rest, until the draft is proven best (the bound is
/// its cost) or `steps` are used up. For small problems without a node limit, shares equal; over
/// several windows what is proven is the mean of their slowest ranks.
Bounded closed(Bounded start, std::int64_t steps);

}  // namespace bam
