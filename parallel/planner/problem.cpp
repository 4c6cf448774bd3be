#include "parallel/planner/problem.h"

#include <algorithm>
#include <cmath>

#include "parallel/planner/node_problem.h"
#include "runtime/check.h"

namespace bam {
namespace {

void validate_loads(const PlacementProblem& problem) {
  check_input(!problem.windows.empty() && !problem.windows.front().empty(),
              "loads: none are given");
  double total = 0;
  for (std::size_t window = 0; window < problem.windows.size(); ++window) {
    const auto& loads = problem.windows[window];
    check_input(loads.size() == problem.windows.front().size(), "loads: window ", window, " has ",
                loads.size(), " experts where ", problem.windows.front().size(), " were expected");
    for (std::size_t expert = 0; expert < loads.size(); ++expert) {
      check_input(std::isfinite(loads[expert]) && loads[expert] >= 0, "loads: expert ", expert,
                  ": ", loads[expert], " where a finite number of at least 0 was expected");
      total += loads[expert];
    }
  }
  check_input(std::isfinite(total), "loads: their sum overflows");
  check_input(total > 0, "loads: all are 0");
}

void validate_ranks(const PlacementProblem& problem) {
  check_input(!problem.ranks.empty(), "ranks: 0 where at least 1 was expected");
  std::int64_t room = 0;
  for (std::size_t rank = 0; rank < problem.ranks.size(); ++rank) {
    const RankRoom& own = problem.ranks[rank];
    check_input(own.slots > 0, "slots: rank ", rank, " has ", own.slots,
                " where at least 1 was expected");
    check_input(std::isfinite(own.speed) && own.speed > 0, "speeds: rank ", rank, " has ",
                own.speed, " where a positive number was expected");
    room += own.slots;
  }
  check_input(problem.slots >= problem.experts(), "slots: ", problem.slots, " are too few for ",
              problem.experts(), " experts");
  check_input(problem.slots <= room, "slots: ", problem.slots, " where the ranks have room for ",
              room);
}

void validate_nodes(const PlacementProblem& problem) {
  check_input(problem.nodes > 0 && problem.rank_count() % problem.nodes == 0,
              "nodes: ", problem.nodes, " do not divide ", problem.rank_count(), " ranks");
  check_input(problem.group >= 0 && (problem.group == 0 || problem.experts() % problem.group == 0),
              "group: ", problem.group, " does not divide ", problem.experts(), " experts");
  if (!problem.is_node_limited()) {
    return;
  }
  check_input(problem.slots % problem.nodes == 0, "slots: ", problem.slots, " do not divide by ",
              problem.nodes, " nodes, as groups on nodes ask for");
  const PlacementProblem packing = NodeProblem(problem).packing();
  int groups = 0;
  for (const RankRoom& node : packing.ranks) {
    groups += node.slots;
  }
  check_input(groups >= packing.experts(), "group: ", packing.experts(), " groups of ",
              problem.group, " experts do not fit on ", problem.nodes,
              " nodes, which have room for ", groups);
}

}  // namespace

double PlacementProblem::total_speed() const {
  double total = 0;
  for (const RankRoom& room : ranks) {
    total += room.speed;
  }
  return total;
}

double PlacementProblem::fastest() const {
  return std::max_element(ranks.begin(), ranks.end(),
                          [](const RankRoom& a, const RankRoom& b) { return a.speed < b.speed; })
      ->speed;
}

bool PlacementProblem::has_equal_ranks() const {
  return std::all_of(ranks.begin(), ranks.end(), [&](const RankRoom& room) {
    return room.slots == ranks.front().slots && room.speed == ranks.front().speed;
  });
}

std::vector<double> PlacementProblem::mean_loads() const {
  std::vector<double> means(windows.front().size());
  for (const auto& window : windows) {
    for (std::size_t expert = 0; expert < means.size(); ++expert) {
      means[expert] += window[expert] / static_cast<double>(windows.size());
    }
  }
  return means;
}

void validate(const PlacementProblem& problem) {
  validate_loads(problem);
  validate_ranks(problem);
  validate_nodes(problem);
}

std::vector<RankRoom> equal_ranks(int ranks, int slots) {
  return std::vector<RankRoom>(static_cast<std::size_t>(ranks), {(slots + ranks - 1) / ranks, 1.0});
}

}  // namespace bam
