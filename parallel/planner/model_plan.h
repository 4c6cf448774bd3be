#pragma once

#include <cstdint>
#include <vector>

#include "parallel/planner/place.h"

namespace bam {

/// Tokens that each expert of one layer got in one window of time.
struct LoadWindow {
  std::vector<double> attention;  // by expert; empty where the layer has a single attention
  std::vector<double> ffn;        // by expert
};

/// The windows of one layer, all of the same experts.
using LayerLoads = std::vector<LoadWindow>;

/// Load of one token at an expert of each kind, in one unit.
struct ExpertCosts {
  double attention = 1;
  double ffn = 1;
};

/// What a plan for all layers is asked for.
struct PlanTerms {
  std::vector<RankRoom> ranks;
  int slots = 0;  // replicas of both kinds of experts on all ranks together, a layer
  int nodes = 1;
  int group = 0;
  SharePolicy shares = SharePolicy::kEqual;
  ExpertCosts costs = {};
  std::uint64_t seed = 1;
};

/// Where all experts of a model are. A layer's attention and FFN experts are placed as one problem,
/// since their loads add up on a rank: experts 0 to A - 1 of a LayerPlan are the attention experts,
/// the FFN experts follow.
struct ModelPlan {
  PlanTerms terms;
  std::vector<LayerLoads> loads;  // [layer]
  std::vector<LayerPlan> layers;

  int attention_experts() const;
  int experts() const;  // of both kinds, a layer
};

/// One layer's problem: an expert's load is its tokens times the cost of a token there.
PlacementProblem joint_problem(const PlanTerms& terms, const LayerLoads& loads);

/// Places every layer, each with its certificate and no slower than experts dealt round-robin,
/// where these are allowed. Throws BadInput, naming the layer.
ModelPlan plan_model(const PlanTerms& terms, std::vector<LayerLoads> loads,
                     const PlaceEffort& effort = {});

/// The current plan with at most `moves` replicas a layer put elsewhere, for these terms and loads;
/// no slower than experts dealt round-robin, where so many moves lead there. Throws BadInput,
/// naming the layer, where the current plan does not fit them.
ModelPlan replan_model(const ModelPlan& current, const PlanTerms& terms,
                       std::vector<LayerLoads> loads, int moves);

/// Experts dealt round-robin over the ranks, each kind by itself, no replicas, as training does
/// without a plan. No certificate.
LayerPlan dealt_round_robin(const PlanTerms& terms, const LayerLoads& loads);

}  // namespace bam
