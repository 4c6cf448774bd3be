#pragma once

#include "parallel/planner/plan.h"

namespace bam {

/// The same replicas with the shares that make the slowest rank fastest, on the loads averaged over
/// the windows: a maximum flow of load from experts to ranks, the ranks' time being raised from one
/// bottleneck to the next. Replicas that get no load are left out. Certificate untouched.
LayerPlan with_best_shares(const LayerPlan& plan, const PlacementProblem& problem);

}  // namespace bam
