#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "parallel/planner/plan.h"

namespace bam {

/// What was found wrong with a plan; nothing if it holds.
struct Verdict {
  std::vector<std::string> faults;

  bool holds() const { return faults.empty(); }
};

/// Checks a plan and its certificate against the loads, from the problem's definition alone:
/// nothing in this folder calls what made the plan. Every constraint; the time of the slowest rank;
/// and the lower bound, which is derived anew in the way that the certificate says. A proof by
/// search is done over again, for up to `steps` steps; one that takes longer counts as a fault.
Verdict verify(const LayerPlan& plan, const PlacementProblem& problem,
               std::int64_t steps = 400'000'000);

}  // namespace bam
