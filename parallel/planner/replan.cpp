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

int copies_of(const LayerPlan& plan) {
  int copies = 0;
  for (const Replicas& replicas : plan.experts) {
    copies += static_cast<int>(replicas.size());
  }
  return copies;
}

/// Copies on the rank that holds most of them.
int most_held(const LayerPlan& plan, int ranks) {
  int most = 0;
  for (int rank = 0; rank < ranks; ++rank) {
    most = std::max(most, static_cast<int>(experts_on(plan.experts, rank).size()));
  }
  return most;
}

/// What a layer may be placed with: a rank has memory at least for what it holds.
PlanTerms terms_for(const LayerPlan& layer, int ranks, const ReplanTerms& terms) {
  PlanTerms out{.ranks = {},
                .slots = std::max(copies_of(layer), terms.slots_per_rank * ranks),
                .costs = {.attention = terms.attention_cost, .ffn = 1}};
  out.ranks.assign(static_cast<std::size_t>(ranks),
                   {.slots = std::max(most_held(layer, ranks), terms.slots_per_rank)});
  return out;
}

LayerLoads loads_of(const LayerTokens& tokens) { return {{tokens.attention, tokens.ffn}}; }

PlacementProblem problem_of(const LayerPlan& layer, int ranks, const LayerTokens& tokens,
                            const ReplanTerms& terms) {
  return joint_problem(terms_for(layer, ranks, terms), loads_of(tokens));
}

/// Room for all layers: as much as the fullest of them has or may have.
PlanTerms terms_for_all(const Placement& placement, const ReplanTerms& terms) {
  PlanTerms out = terms_for(plan_of(placement.layers.front()), placement.ranks, terms);
  for (const LayerPlacement& layer : placement.layers) {
    const LayerPlan placed = plan_of(layer);
    const PlanTerms own = terms_for(placed, placement.ranks, terms);
    out.slots = std::max(out.slots, own.slots);
    out.ranks.front().slots = std::max(out.ranks.front().slots, own.ranks.front().slots);
    out.shares = has_equal_shares(placed) ? out.shares : SharePolicy::kFree;
  }
  std::ranges::fill(out.ranks, out.ranks.front());
  return out;
}

}  // namespace

Replan replan(const Placement& current, const std::vector<LayerTokens>& tokens,
              const ReplanTerms& terms) {
  check(tokens.size() == current.layers.size(), "loads of ", tokens.size(),
        " layers for a model of ", current.layers.size());
  Replan out{.placement = current};
  for (std::size_t l = 0; l < tokens.size(); ++l) {
    const LayerPlan before = plan_of(current.layers[l]);
    const PlacementProblem problem = problem_of(before, current.ranks, tokens[l], terms);
    const LayerPlan after = moved_from(before, problem, terms.moves);
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

ModelPlan certified_plan(const Replan& found, const Placement& current,
                         const std::vector<LayerTokens>& tokens, const ReplanTerms& terms) {
  ModelPlan plan{terms_for_all(found.placement, terms), {}, {}};
  for (std::size_t l = 0; l < tokens.size(); ++l) {
    plan.loads.push_back(loads_of(tokens[l]));
    LayerPlan& layer = plan.layers.emplace_back(certified(
        plan_of(found.placement.layers[l]), joint_problem(plan.terms, plan.loads.back())));
    const LayerPlan before = plan_of(current.layers[l]);
    if (layer.certificate.gap() > 0 &&
        is_faster_with_more_moves(before, problem_of(before, current.ranks, tokens[l], terms),
                                  layer.certificate.worst)) {
      layer.certificate.binding = Binding::kMoves;
    }
  }
  return plan;
}

}  // namespace bam
