#include "parallel/planner/plan.h"

#include <algorithm>

namespace bam {

std::string_view name_of(Binding binding) {
  switch (binding) {
    case Binding::kHottest:
      return "hottest expert";
    case Binding::kMemory:
      return "memory";
    case Binding::kNodeLimit:
      return "node limit";
    case Binding::kMoves:
      return "limit on moves";
    default:
      return "mean";
  }
}

bool has_equal_shares(const LayerPlan& plan) {
  return std::ranges::all_of(plan.experts, [](const Replicas& replicas) {
    return std::ranges::all_of(
        replicas, [&](const Replica& replica) { return replica.share == replicas.front().share; });
  });
}

bool is_allowed(const LayerPlan& plan, const PlacementProblem& problem) {
  const int group = problem.is_node_limited() ? problem.group : problem.experts();
  int replicas = 0;
  std::vector<int> held(problem.ranks.size());
  for (int expert = 0; expert < problem.experts(); ++expert) {
    const auto first = static_cast<std::size_t>(expert / group * group);
    const int node = plan.experts[first].front().rank / problem.reach();
    for (const Replica& replica : plan.experts[static_cast<std::size_t>(expert)]) {
      const auto rank = static_cast<std::size_t>(replica.rank);
      if (++held[rank] > problem.ranks[rank].slots || replica.rank / problem.reach() != node) {
        return false;
      }
      ++replicas;
    }
  }
  return replicas <= problem.slots;
}

std::vector<double> rank_times(const LayerPlan& plan, const PlacementProblem& problem, int window) {
  const auto& loads = problem.windows[static_cast<std::size_t>(window)];
  std::vector<double> times(problem.ranks.size());
  for (std::size_t expert = 0; expert < plan.experts.size(); ++expert) {
    for (const Replica& replica : plan.experts[expert]) {
      const auto rank = static_cast<std::size_t>(replica.rank);
      times[rank] += loads[expert] * replica.share / problem.ranks[rank].speed;
    }
  }
  return times;
}

double worst_time(const LayerPlan& plan, const PlacementProblem& problem) {
  double sum = 0;
  for (int window = 0; window < problem.window_count(); ++window) {
    const auto times = rank_times(plan, problem, window);
    sum += *std::max_element(times.begin(), times.end());
  }
  return sum / problem.window_count();
}

int moved_replicas(const LayerPlan& before, const LayerPlan& after) {
  int moved = 0;
  for (std::size_t expert = 0; expert < after.experts.size(); ++expert) {
    const auto& old = before.experts[expert];
    for (const Replica& replica : after.experts[expert]) {
      const bool was_there = std::any_of(
          old.begin(), old.end(), [&](const Replica& other) { return other.rank == replica.rank; });
      moved += was_there ? 0 : 1;
    }
  }
  return moved;
}

}  // namespace bam
