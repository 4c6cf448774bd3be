#pragma once

#include <vector>

#include "parallel/planner/problem.h"

namespace bam {

/// What the public description of EPLB amounts to under the planner's constraints, for comparison:
/// slots go one by one to the expert with the most load per replica; replicas, the heaviest first,
/// go to the rank with the least load that has a slot left and not that expert yet. With a node
/// limit groups are first dealt to nodes in the same manner, equally many to each. Every rank gets
/// the same number of slots. A replica that finds no place is given up.
class GreedyReference {
 public:
  explicit GreedyReference(const PlacementProblem& problem) : problem_(problem) {}

  /// Time of its slowest rank; below 0: it finds no placement.
  double worst() const;

 private:
  using Loads = std::vector<double>;

  double on_ranks(const Loads& loads, std::size_t first_rank, std::size_t ranks) const;
  std::vector<std::vector<std::size_t>> groups_on_nodes() const;

  const PlacementProblem& problem_;
};

}  // namespace bam
