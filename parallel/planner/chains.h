#pragma once

#include <cstdint>
#include <optional>

#include "parallel/planner/plan.h"

namespace bam {

/// A placement with free shares, and a time that none can beat (0: not known).
struct ChainAnswer {
  LayerPlan plan;
  double bound = 0;
};

/// With free shares on equal ranks, experts that share ranks form chains: a chain of E experts over
/// m ranks needs E + m - 1 replicas at least, and as many will do to keep its m ranks equally busy.
/// So the question is only which experts go into a chain together and how many ranks it gets. Up to
/// 16 experts that is answered exactly, otherwise by local search. Nothing for ranks that differ,
/// or where slots do not fill the ranks.
std::optional<ChainAnswer> chained(const PlacementProblem& problem, double bound,
                                   std::int64_t steps);

}  // namespace bam
