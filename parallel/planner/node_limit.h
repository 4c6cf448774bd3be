#pragma once

#include "parallel/planner/place.h"

namespace bam {

/// `place` where groups of consecutive experts have to stay together on one node each: groups are
/// put on nodes first, then each node is a problem of its own. Up to 16 experts and 8 ranks every
/// division of groups that could be best is gone through.
LayerPlan place_on_nodes(const PlacementProblem& problem, const PlaceEffort& effort);

}  // namespace bam
