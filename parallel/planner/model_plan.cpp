#include "parallel/planner/model_plan.h"

#include <algorithm>
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

/// Plans one layer, which has experts dealt round-robin where `dealt` has them.
using PlanLayer = std::function<LayerPlan(std::size_t layer, const PlacementProblem& problem,
                                          const LayerPlan& dealt)>;

/// What `make` returns for each layer; BadInput gets the layer's number before it.
ModelPlan planned(const PlanTerms& terms, std::vector<LayerLoads> loads, const PlanLayer& make) {
  ModelPlan plan{terms, std::move(loads), {}};
  for (std::size_t layer = 0; layer < plan.loads.size(); ++layer) {
    try {
      const LayerLoads& own = plan.loads[layer];
      plan.layers.push_back(make(layer, joint_problem(terms, own), dealt_round_robin(terms, own)));
    } catch (const BadInput& error) {
      throw BadInput(message_of("layer ", layer, ": ", error.what()));
    }
  }
  return plan;
}

/// The plan with experts where `other` has them, where that is allowed and makes the slowest rank
/// faster. Plans are found by searches, which may miss what is at hand.
LayerPlan no_slower_than(const LayerPlan& other, LayerPlan plan, const PlacementProblem& problem) {
  const double worst = worst_time(other, problem);
  if (worst < plan.certificate.worst && is_allowed(other, problem)) {
    plan.experts = other.experts;
    plan.certificate.worst = worst;
    plan.certificate.bound = std::min(plan.certificate.bound, worst);
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
  return planned(terms, std::move(loads),
                 [&](std::size_t, const PlacementProblem& problem, const LayerPlan& dealt) {
                   return no_slower_than(dealt, place(problem, seeded), problem);
                 });
}

ModelPlan replan_model(const ModelPlan& current, const PlanTerms& terms,
                       std::vector<LayerLoads> loads, int moves) {
  check_input(current.layers.size() == loads.size(), "the current plan has ", current.layers.size(),
              " layers where the loads have ", loads.size());
  PlaceEffort seeded;
  seeded.seed = terms.seed;
  return planned(
      terms, std::move(loads),
      [&](std::size_t layer, const PlacementProblem& problem, const LayerPlan& dealt) {
        const LayerPlan& before = current.layers[layer];
        LayerPlan plan = place_from(before, problem, moves, seeded);
        return moved_replicas(before, dealt) <= moves ? no_slower_than(dealt, plan, problem) : plan;
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
