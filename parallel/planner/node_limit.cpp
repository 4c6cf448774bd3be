#include "parallel/planner/node_limit.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "parallel/planner/bounds.h"
#include "parallel/planner/exact_search.h"
#include "parallel/planner/node_problem.h"
#include "parallel/planner/place_flat.h"

namespace bam {
namespace {

constexpr double kSame = 1e-9;
/// Placements of single nodes that the search of all divisions may work out.
constexpr std::size_t kMostNodePlans = 400;

using Groups = std::vector<int>;
using Division = std::vector<Groups>;  // [node]

class NodeSearch {
 public:
  NodeSearch(const PlacementProblem& problem, const PlaceEffort& effort)
      : problem_(problem), effort_(effort), pieces_(problem), packing_(pieces_.packing()) {
    order_.resize(static_cast<std::size_t>(pieces_.groups()));
    std::iota(order_.begin(), order_.end(), 0);
    const std::vector<double> loads = packing_.mean_loads();
    std::stable_sort(order_.begin(), order_.end(), [&](int a, int b) {
      return loads[static_cast<std::size_t>(a)] > loads[static_cast<std::size_t>(b)];
    });
  }

  LayerPlan run() {
    const LowerBound bound = search();
    best_.certificate = {best_cost_, bound.time, bound.proof, binding(bound)};
    return best_;
  }

 private:
  /// Finds the best plan, and what none can beat.
  LowerBound search() {
    const LayerPlan packed = place_flat(packing_, effort_);
    LowerBound bound = lower_bound(problem_);
    raise(packed.certificate.bound, Proof::kNodes, bound);
    offer(division_of(packed));
    offer(dealt());
    if (best_cost_ > bound.time * (1 + kSame) && is_small(problem_)) {
      if (problem_.window_count() == 1) {
        raise(least_of_all_divisions(), Proof::kSearch, bound);
      } else {
        raise(least_of_mean(), Proof::kMeanSearch, bound);
      }
    }
    bound.time = std::min(bound.time, best_cost_);  // they differ by rounding at most
    return bound;
  }

  static void raise(double time, Proof proof, LowerBound& bound) {
    if (time > bound.time * (1 + kSame)) {
      bound = {time, proof};
    }
  }

  /// What no placement can beat on loads averaged over the windows.
  double least_of_mean() const {
    PlacementProblem average = problem_;
    average.windows = {problem_.mean_loads()};
    return NodeSearch(average, effort_).search().time;
  }

  Division division_of(const LayerPlan& packed) const {
    Division division(static_cast<std::size_t>(pieces_.nodes()));
    for (int group = 0; group < pieces_.groups(); ++group) {
      const Replica& only = packed.experts[static_cast<std::size_t>(group)].front();
      division[static_cast<std::size_t>(only.rank)].push_back(group);
    }
    return division;
  }

  /// Groups dealt the heaviest first, each to the node with the least load, equally many to a node
  /// as far as they have room.
  Division dealt() const {
    Division division(static_cast<std::size_t>(pieces_.nodes()));
    std::vector<double> times(division.size());
    const std::vector<double> loads = packing_.mean_loads();
    const auto even = (order_.size() + division.size() - 1) / division.size();
    for (const int group : order_) {
      const auto rank_of = [&](std::size_t node) {
        const auto room = static_cast<std::size_t>(packing_.ranks[node].slots);
        const int fullness = division[node].size() >= room   ? 2
                             : division[node].size() >= even ? 1
                                                             : 0;
        return std::pair(fullness, times[node]);
      };
      std::size_t best = 0;
      for (std::size_t node = 1; node < division.size(); ++node) {
        best = rank_of(node) < rank_of(best) ? node : best;
      }
      division[best].push_back(group);
      times[best] += loads[static_cast<std::size_t>(group)] / packing_.ranks[best].speed;
    }
    return division;
  }

  /// The node's own best plan for these groups, worked out once for nodes that are alike.
  const LayerPlan& node_plan(int node, Groups groups) {
    std::sort(groups.begin(), groups.end());
    int first = 0;
    while (!pieces_.are_alike(first, node)) {
      ++first;
    }
    const auto [at, is_new] = node_plans_.try_emplace({first, groups});
    if (is_new && !groups.empty()) {
      at->second = place_flat(pieces_.on_node(node, groups), effort_);
    }
    return at->second;
  }

  void offer(const Division& division) {
    LayerPlan plan;
    for (int node = 0; node < pieces_.nodes(); ++node) {
      Groups groups = division[static_cast<std::size_t>(node)];
      std::sort(groups.begin(), groups.end());
      pieces_.add(node_plan(node, groups), node, groups, plan);
    }
    const double cost = worst_time(plan, problem_);
    if (cost < best_cost_) {
      best_cost_ = cost;
      best_ = std::move(plan);
    }
  }

  /// What no division can beat; 0 where there are too many to go through.
  double least_of_all_divisions() {
    least_ = best_cost_;
    Division division(static_cast<std::size_t>(pieces_.nodes()));
    std::vector<double> times(division.size());
    divide(0, division, times);
    return node_plans_.size() > kMostNodePlans ? 0 : std::min(least_, best_cost_);
  }

  /// Puts the group at `at` and those after it on nodes in every way that can be better than the
  /// best.
  void divide(std::size_t at, Division& division, std::vector<double>& times) {
    if (node_plans_.size() > kMostNodePlans) {
      return;
    }
    if (at == order_.size()) {
      weigh(division);
      return;
    }
    const double load = packing_.mean_loads()[static_cast<std::size_t>(order_[at])];
    for (std::size_t node = 0; node < division.size(); ++node) {
      const double time = times[node] + load / packing_.ranks[node].speed;
      const bool has_room = static_cast<int>(division[node].size()) < packing_.ranks[node].slots;
      if (!has_room || time >= best_cost_ * (1 - kSame) || is_repeated(division, node)) {
        continue;
      }
      const double before = std::exchange(times[node], time);
      division[node].push_back(order_[at]);
      divide(at + 1, division, times);
      division[node].pop_back();
      times[node] = before;
    }
  }

  /// An empty node is as good as an earlier empty one that is alike.
  bool is_repeated(const Division& division, std::size_t node) const {
    for (std::size_t other = 0; other < node && division[node].empty(); ++other) {
      if (division[other].empty() &&
          pieces_.are_alike(static_cast<int>(other), static_cast<int>(node))) {
        return true;
      }
    }
    return false;
  }

  void weigh(const Division& division) {
    double least = 0;
    for (int node = 0; node < pieces_.nodes() && least < best_cost_ * (1 - kSame); ++node) {
      least = std::max(least,
                       node_plan(node, division[static_cast<std::size_t>(node)]).certificate.bound);
    }
    least_ = std::min(least_, least);
    if (least < best_cost_ * (1 - kSame)) {
      offer(division);
    }
  }

  Binding binding(const LowerBound& bound) const {
    if (bound.proof != Proof::kSearch && bound.proof != Proof::kMeanSearch &&
        bound.proof != Proof::kSlots) {
      return binding_of(bound.proof, problem_, bound.time);
    }
    PlacementProblem free = problem_;
    free.nodes = 1;
    free.group = 0;
    const Certificate without = place_flat(free, effort_).certificate;
    return without.worst < bound.time * (1 - kSame) ? Binding::kNodeLimit : without.binding;
  }

  const PlacementProblem& problem_;
  PlaceEffort effort_;
  NodeProblem pieces_;
  PlacementProblem packing_;
  Groups order_;  // the heaviest first
  std::map<std::pair<int, Groups>, LayerPlan> node_plans_;
  LayerPlan best_;
  double best_cost_ = std::numeric_limits<double>::infinity();
  double least_ = 0;
};

}  // namespace

LayerPlan place_on_nodes(const PlacementProblem& problem, const PlaceEffort& effort) {
  return NodeSearch(problem, effort).run();
}

}  // namespace bam
