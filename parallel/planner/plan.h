#pragma once

#include <string_view>
#include <vector>

#include "model/placement.h"
#include "parallel/planner/problem.h"

namespace bam {

/// What keeps the slowest rank from being faster.
enum class Binding {
  kMean,       // the load itself: all ranks are busy alike
  kHottest,    // one expert that cannot be divided further with the slots there are
  kMemory,     // the slots: more replicas would help
  kNodeLimit,  // groups of experts that have to stay on one node
  kMoves,      // the limit on moves from the placement that held before
};

/// How the lower bound was come by. Every kind can be checked from the problem alone.
enum class Proof {
  kMean,        // all load over all speed
  kSlots,       // faster, the experts would need more replicas than there are slots
  kCrowding,    // hot replicas fill ranks of their own, and what must join them there is too much
  kNodes,       // the groups' loads do not divide over the nodes any better
  kWindows,     // the mean of each window's own bound
  kSearch,      // every placement that would be faster was ruled out, one after the other
  kMeanSearch,  // the same on loads averaged over the windows, whose slowest rank is no slower
};

/// How good a placement is, and what no placement can beat.
struct Certificate {
  double worst = 0;  // time (load / speed) of the slowest rank, averaged over the windows
  double bound = 0;  // no placement is faster than this
  Proof proof = Proof::kMean;
  Binding binding = Binding::kMean;

  /// Part by which the placement may be slower than the best: 0 where it is proven optimal.
  double gap() const { return bound > 0 ? worst / bound - 1 : 0; }
};

/// Where one layer's experts are.
struct LayerPlan {
  std::vector<Replicas> experts;  // all copies of each
  Certificate certificate;
};

/// Names for people and files: "mean", "hottest expert", "memory", "node limit", "limit on moves".
std::string_view name_of(Binding binding);

/// Whether every expert's replicas take the same part of it each.
bool has_equal_shares(const LayerPlan& plan);

/// Whether the ranks have room for its replicas, and groups are on a node each.
bool is_allowed(const LayerPlan& plan, const PlacementProblem& problem);

/// Time of each rank in one window. (ranks)
std::vector<double> rank_times(const LayerPlan& plan, const PlacementProblem& problem, int window);

/// Time of the slowest rank, averaged over the windows.
double worst_time(const LayerPlan& plan, const PlacementProblem& problem);

/// Replicas that are on a rank where `before` has none of that expert: what has to be sent.
int moved_replicas(const LayerPlan& before, const LayerPlan& after);

}  // namespace bam
