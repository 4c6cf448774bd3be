#pragma once

#include "parallel/planner/plan.h"

namespace bam {

/// A time that no placement can beat, and why.
struct LowerBound {
  double time = 0;
  Proof proof = Proof::kMean;
};

/// The best of what follows at once: all load over all speed; the parts of experts divided as
/// finely as the slots allow; with several windows the mean of each one's own bound.
LowerBound lower_bound(const PlacementProblem& problem);

/// Whether hot experts rule out that every rank is done by `time` (equal ranks, equal shares). Any
/// number of experts, taken by the size of their parts, of which each replica must need more than
/// half of the time, have a rank to each replica. The other ranks have too few slots for the other
/// experts' replicas; even if only the smallest of those join the hot ones, it may be too much.
bool is_too_crowded(const PlacementProblem& problem, double time);

/// The largest time found from `low` to `high` that is_too_crowded; low if none is.
double crowding_bound(const PlacementProblem& problem, double low, double high);

}  // namespace bam
