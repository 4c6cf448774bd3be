#pragma once

#include <cstdint>

#include "parallel/planner/plan.h"

namespace bam {

/// How hard to look; the defaults take about 10 ms for 256 experts, and up to a second for the
/// proof of a problem of up to 16 experts and 8 ranks.
struct PlaceEffort {
  std::int64_t search_steps = 400'000;    // of the local search, for each window (up to 8)
  std::int64_t proof_steps = 18'000'000;  // of the exact search; 0: none
  double gap = 1e-4;                      // good enough where nothing is proven
  std::uint64_t seed = 1;
};

/// A good placement with a certificate; the best one, with a proof of it, for up to 16 experts on
/// up to 8 ranks (docs/planning.md says how far that goes). Same input, same answer. Throws
/// BadInput as validate does.
LayerPlan place(const PlacementProblem& problem, const PlaceEffort& effort = {});

/// The current placement with at most `moves` replicas put where there was none of their expert:
/// what helps most against the loads as they are now. Equal shares are kept equal. Its certificate
/// has the bound of `place` with as much effort; where more moves would make the slowest rank
/// faster, the limit on them is what binds. Throws BadInput if the current placement does not fit
/// the problem.
LayerPlan place_from(const LayerPlan& current, const PlacementProblem& problem, int moves,
                     const PlaceEffort& effort = {});

/// The same placement at once: its certificate has the bound that loads and ranks alone give, and
/// says nothing of the limit on moves.
LayerPlan moved_from(const LayerPlan& current, const PlacementProblem& problem, int moves);

/// Whether with more moves from `current` the slowest rank would be faster than `worst`, as far as
/// a short search finds.
bool is_faster_with_more_moves(const LayerPlan& current, const PlacementProblem& problem,
                               double worst);

/// The plan with a certificate for these loads and ranks, whose bound follows from them alone.
LayerPlan certified(LayerPlan plan, const PlacementProblem& problem);

}  // namespace bam
