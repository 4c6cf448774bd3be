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

bool has_equal_shares(const LayerPlan& plan) {
  return std::ranges::all_of(plan.experts, [](const Replicas& replicas) {
    return std::ranges::all_of(
        replicas, [&](const Replica& replica) { return replica.share == replicas.front().share; });
  });
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

/// The layers' placements with certificates under the terms of all of them.
ModelPlan certified_plan(const Placement& placement, const std::vector<LayerTokens>& tokens,
                         const std::vector<LayerPlan>& placed, const ReplanTerms& terms) {
  ModelPlan plan{terms_for(placed.front(), placement.ranks, terms), {}, {}};
  for (const LayerPlan& layer : placed) {
    const PlanTerms own = terms_for(layer, placement.ranks, terms);
    plan.terms.slots = std::max(plan.terms.slots, own.slots);
    plan.terms.ranks.front().slots =
        std::max(plan.terms.ranks.front().slots, own.ranks.front().slots);
    plan.terms.shares = has_equal_shares(layer) ? plan.terms.shares : SharePolicy::kFree;
  }
  std::ranges::fill(plan.terms.ranks, plan.terms.ranks.front());
  for (std::size_t l = 0; l < placed.size(); ++l) {
    plan.loads.push_back({{tokens[l].attention, tokens[l].ffn}});
    LayerPlan& layer = plan.layers.emplace_back(
        certified(placed[l], joint_problem(plan.terms, plan.loads.back())));
    const bool is_best = layer.certificate.gap() <= 0;
    if (placed[l].certificate.binding == Binding::kMoves && !is_best) {
      layer.certificate.binding = Binding::kMoves;
    }
  }
  return plan;
}

}  // namespace

Replan replan(const Placement& current, const std::vector<LayerTokens>& tokens,
              const ReplanTerms& terms) {
  check(tokens.size() == current.layers.size(), "loads of ", tokens.size(),
        " layers for a model of ", current.layers.size());
  Replan out{.placement = current, .plan = {}};
  std::vector<LayerPlan> placed;
  for (std::size_t l = 0; l < tokens.size(); ++l) {
    const LayerPlan before = plan_of(current.layers[l]);
    const PlacementProblem problem = joint_problem(terms_for(before, current.ranks, terms),
                                                   {{tokens[l].attention, tokens[l].ffn}});
    const LayerPlan after = place_from(before, problem, terms.moves);
    const double time_before = worst_time(before, problem);
    const double time_after = worst_time(after, problem);
    out.time_before += time_before;
    out.time_after += std::min(time_before, time_after);
    placed.push_back(time_after < time_before ? after : before);
    placed.back().certificate = after.certificate;
    if (time_after < time_before) {
      out.placement.layers[l] = placement_of(after, current.layers[l].attention.size());
      out.copies_sent += moved_replicas(before, after);
    }
  }
  out.plan = certified_plan(out.placement, tokens, placed, terms);
  return out;
}

}  // namespace bam
