#include "launch/layout_loads.h"

#include "runtime/check.h"

namespace bam {
namespace {

int experts_of(const std::vector<LayerLoads>& loads) {
  const LoadWindow& first = loads.front().front();
  return static_cast<int>(first.attention.size() + first.ffn.size());
}

// A group's experts, one copy each: without a proof, which is not asked for here.
ModelPlan placed(const std::vector<LayerLoads>& loads, ExpertCosts costs, int ranks) {
  PlanTerms terms{.ranks = {}, .costs = costs};
  terms.slots = experts_of(loads);
  terms.ranks = equal_ranks(ranks, terms.slots);
  return plan_model(terms, loads, {.proof_steps = 0});
}

ModelPlan dealt(const std::vector<LayerLoads>& loads, int ranks) {
  ModelPlan plan{
      .terms = {.ranks = equal_ranks(ranks, experts_of(loads))}, .loads = loads, .layers = {}};
  for (const LayerLoads& layer : loads) {
    plan.layers.push_back(dealt_round_robin(plan.terms, layer));
  }
  return plan;
}

}  // namespace

void add_load_options(boost::program_options::options_description& description,
                      LayoutLoads& loads) {
  namespace options = boost::program_options;
  description.add_options()(
      "loads", options::value(&loads.sources.ffn)->composing()->multitoken(),
      "tokens of each FFN expert, as for place (default: all alike); experts are placed for them")(
      "attention-loads", options::value(&loads.sources.attention)->composing()->multitoken(),
      "the same of the attention experts (default: what the loads say, else soft routing's)")(
      "domain", options::value(&loads.sources.domain),
      "of a routing trace, this domain's tokens alone")(
      "round-robin", options::bool_switch(&loads.is_dealt_in_turn),
      "with loads: experts are not placed but dealt in turn, as training does without a plan");
}

HoldingsOf holdings_under(const LayoutLoads& loads, const PlanInput& input,
                          const std::string& config) {
  const ModelConfig& model = input.run.model;
  check_input(loads.are_given() || (loads.sources.attention.empty() &&
                                    loads.sources.domain.empty() && !loads.is_dealt_in_turn),
              "--attention-loads, --domain, --round-robin: go with --loads");
  if (!loads.are_given()) {
    return [&model](int expert_parallel) { return even_holdings(model, expert_parallel); };
  }
  check_input(model.mixture.has_value(), config, ": a dense model, which has no experts to load");
  const ExpertCosts costs = expert_costs(model, input.run.length);
  return [layers = read_layer_loads(loads.sources, model), costs,
          factor = input.run.capacity_factor,
          is_dealt = loads.is_dealt_in_turn](int expert_parallel) {
    return planned_holdings(
        is_dealt ? dealt(layers, expert_parallel) : placed(layers, costs, expert_parallel), factor);
  };
}

std::string text_of(const LayoutLoads& loads) {
  if (!loads.are_given()) {
    return "every expert gets as many tokens as the others";
  }
  return loads.is_dealt_in_turn ? "given loads, experts dealt in turn"
                                : "given loads, experts placed for them";
}

}  // namespace bam
