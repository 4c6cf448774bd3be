#include "parallel/planner/model_plan.h"

#include <functional>
#include <string>
#include <utility>

#include "runtime/check.h"

namespace bam {
namespace {

void add_loads(const std::vector<double>& tokens, double cost, std::vector<double>& loads) {
  for (const double count : tokens) {
    loads.push_back(count * cost);
  }
}

/// What `make` returns for each layer; BadInput gets the layer's number before it.
ModelPlan planned(const PlanTerms& terms, std::vector<LayerLoads> loads,
                  const std::function<LayerPlan(std::size_t, const PlacementProblem&)>& make) {
  ModelPlan plan{terms, std::move(loads), {}};
  for (std::size_t layer = 0; layer < plan.loads.size(); ++layer) {
    try {
      plan.layers.push_back(make(layer, joint_problem(terms, plan.loads[layer])));
    } catch (const BadInput& error) {
      throw BadInput(message_of("layer ", layer, ": ", error.what()));
    }
  }
  return plan;
}

}  // namespace

int ModelPlan::attention_experts() const {
  return loads.empty() ? 0 : static_cast<int>(loads.front().front().attention.size());
}

int ModelPlan::experts() const {
  return loads.empty() ? 0
                       : attention_experts() + static_cast<int>(loads.front().front().ffn.size());
}

PlacementProblem joint_problem(const PlanTerms& terms, const LayerLoads& loads) {
  PlacementProblem problem{.windows = {},
                           .ranks = terms.ranks,
                           .slots = terms.slots,
                           .nodes = terms.nodes,
                           .group = terms.group,
                           .shares = terms.shares};
  for (const LoadWindow& window : loads) {
    auto& joint = problem.windows.emplace_back();
    add_loads(window.attention, terms.costs.attention, joint);
    add_loads(window.ffn, terms.costs.ffn, joint);
  }
  return problem;
}

ModelPlan plan_model(const PlanTerms& terms, std::vector<LayerLoads> loads,
                     const PlaceEffort& effort) {
  PlaceEffort seeded = effort;
  seeded.seed = terms.seed;
  return planned(terms, std::move(loads), [&](std::size_t, const PlacementProblem& problem) {
    return place(problem, seeded);
  });
}

ModelPlan replan_model(const ModelPlan& current, const PlanTerms& terms,
                       std::vector<LayerLoads> loads, int moves) {
  check_input(current.layers.size() == loads.size(), "the current plan has ", current.layers.size(),
              " layers where the loads have ", loads.size());
  return planned(terms, std::move(loads), [&](std::size_t layer, const PlacementProblem& problem) {
    return place_from(current.layers[layer], problem, moves);
  });
}

LayerPlan dealt_round_robin(const PlanTerms& terms, const LayerLoads& loads) {
  const auto ranks = terms.ranks.size();
  LayerPlan plan;
  for (const std::size_t experts : {loads.front().attention.size(), loads.front().ffn.size()}) {
    for (std::size_t expert = 0; expert < experts; ++expert) {
      plan.experts.push_back({{static_cast<int>(expert % ranks), 1.0}});
    }
  }
  return plan;
}

}  // namespace bam
