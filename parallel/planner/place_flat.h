#pragma once

#include "parallel/planner/bounds.h"
#include "parallel/planner/draft.h"
#include "parallel/planner/place.h"

namespace bam {

/// `place` for a problem without a node limit.
LayerPlan place_flat(const PlacementProblem& problem, const PlaceEffort& effort);

/// The draft as a plan, shares equal or, where the problem leaves them free, as good as can be.
LayerPlan plan_of(const Draft& draft);

/// The plan with a certificate of its time and the bound.
LayerPlan certified(LayerPlan plan, const PlacementProblem& problem, const LowerBound& bound);

/// What keeps a placement that is proven by `proof` from being faster.
Binding binding_of(Proof proof, const PlacementProblem& problem, double bound);

}  // namespace bam
