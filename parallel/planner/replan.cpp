#include "parallel/planner/replan.h"

#include <algorithm>

#include "parallel/planner/place.h"
#include "runtime/check.h"

namespace bam {
namespace {

// A layer's attention and FFN experts are placed as one problem, since their work adds up on a
// rank.
LayerPlan plan_of(const LayerPlacement& layer) {
  LayerPlan plan;
  plan.experts = layer.attention;
  plan.experts.insert(plan.experts.end(), layer.ffn.begin(), layer.ffn.end());
  return plan;
}

LayerPlacement placement_of(const LayerPlan& plan, std::size_t attention_experts) {
  const auto first_ffn = plan.experts.begin() + static_cast<std::ptrdiff_t>(attention_experts);
  return {.attention = {plan.experts.begin(), first_ffn}, .ffn = {first_ffn, plan.experts.end()}};
}

std::vector<double> joint_loads(const LayerTokens& tokens, double attention_cost) {
  std::vector<double> loads;
  for (const double count : tokens.attention) {
    loads.push_back(count * attention_cost);
  }
  loads.insert(loads.end(), tokens.ffn.begin(), tokens.ffn.end());
  return loads;
}

// A rank has memory at least for what it holds.
PlacementProblem problem_of(const LayerPlan& plan, int ranks, std::vector<double> loads,
                            int slots_per_rank) {
  PlacementProblem problem{.windows = {std::move(loads)}, .ranks = {}};
  int most = slots_per_rank;
  for (int rank = 0; rank < ranks; ++rank) {
    const auto held = static_cast<int>(experts_on(plan.experts, rank).size());
    most = std::max(most, held);
    problem.slots += held;
  }
  problem.ranks.assign(static_cast<std::size_t>(ranks), {.slots = most});
  problem.slots = std::max(problem.slots, slots_per_rank * ranks);
  return problem;
}

}  // namespace

Replan replan(const Placement& current, const std::vector<LayerTokens>& tokens,
              const ReplanTerms& terms) {
  check(tokens.size() == current.layers.size(), "loads of ", tokens.size(),
        " layers for a model of ", current.layers.size());
  Replan out{.placement = current};
  for (std::size_t l = 0; l < tokens.size(); ++l) {
    const LayerPlan before = plan_of(current.layers[l]);
    const PlacementProblem problem = problem_of(
        before, current.ranks, joint_loads(tokens[l], terms.attention_cost), terms.slots_per_rank);
    const LayerPlan after = place_from(before, problem, terms.moves);
    const double time_before = worst_time(before, problem);
    const double time_after = worst_time(after, problem);
    out.time_before += time_before;
    out.time_after += std::min(time_before, time_after);
    if (time_after < time_before) {
      out.placement.layers[l] = placement_of(after, current.layers[l].attention.size());
      out.copies_sent += moved_replicas(before, after);
    }
  }
  return out;
}

}  // namespace bam
