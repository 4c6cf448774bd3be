#pragma once

#include <cstdint>
#include <vector>

#include "parallel/planner/plan.h"

namespace bam {

/// The pieces that a problem with a node limit falls into.
class NodeProblem {
 public:
  explicit NodeProblem(const PlacementProblem& whole) : whole_(whole) {}

  int nodes() const { return whole_.nodes; }
  int groups() const { return whole_.experts() / whole_.group; }
  /// The groups as experts, the nodes as ranks: one replica of each, room for whole groups.
  PlacementProblem packing() const;
  /// What one node has to place if it gets these groups.
  PlacementProblem on_node(int node, const std::vector<int>& groups) const;
  /// Whether two nodes are alike.
  bool are_alike(int node, int other) const;
  /// Puts a node's plan into the plan of the whole.
  void add(const LayerPlan& part, int node, const std::vector<int>& groups, LayerPlan& plan) const;

 private:
  int ranks_per_node() const { return whole_.rank_count() / whole_.nodes; }
  int slots_per_node() const { return whole_.slots / whole_.nodes; }

  const PlacementProblem& whole_;
};

}  // namespace bam
