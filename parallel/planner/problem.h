#pragma once

#include <vector>

namespace bam {

/// How an expert's load is divided among its replicas.
enum class SharePolicy {
  kEqual,  // every replica takes the same part
  kFree,   // any parts that add up to one
};

/// One rank that experts can be put on.
struct RankRoom {
  int slots = 0;       // replicas it has memory for
  double speed = 1.0;  // relative to the other ranks; its time is load / speed
};

/// Where should one layer's experts be? Every expert needs at least one replica, never two on one
/// rank, and no rank holds more than its slots. Sought: the least time of the slowest rank,
/// averaged over the windows.
struct PlacementProblem {
  std::vector<std::vector<double>> windows;  // [window][expert] loads, at least 0
  std::vector<RankRoom> ranks;
  int slots = 0;  // replicas on all ranks together; may be less than the ranks have memory for
  int nodes = 1;  // ranks are divided over the nodes in order, equally many each
  int group = 0;  // so many consecutive experts stay together on one node; 0: no such limit
  SharePolicy shares = SharePolicy::kEqual;

  int experts() const { return static_cast<int>(windows.front().size()); }
  int window_count() const { return static_cast<int>(windows.size()); }
  int rank_count() const { return static_cast<int>(ranks.size()); }
  double total_speed() const;
  double fastest() const;
  bool is_node_limited() const { return group > 0 && nodes > 1; }
  /// Ranks that the replicas of one expert may be spread over.
  int reach() const { return is_node_limited() ? rank_count() / nodes : rank_count(); }
  /// Whether all ranks have the same slots and speed.
  bool has_equal_ranks() const;
  /// Load of each expert, averaged over the windows.
  std::vector<double> mean_loads() const;
};

/// Throws BadInput, naming field and value, unless the problem has a solution: loads that are
/// rectangular, finite, not negative and not all zero; slots, speeds, nodes and groups that fit.
void validate(const PlacementProblem& problem);

/// `ranks` equal ranks, each with memory for its part of `slots`, rounded up.
std::vector<RankRoom> equal_ranks(int ranks, int slots);

}  // namespace bam
