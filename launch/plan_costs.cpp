#include "launch/plan_costs.h"

#include <cmath>
#include <cstdio>
#include <ostream>

#include "launch/text_table.h"
#include "parallel/planner/cost/memory_model.h"
#include "parallel/planner/cost/plan_cost.h"
#include "parallel/planner/cost/step_model.h"
#include "runtime/check.h"

namespace bam {
namespace {

using nlohmann::json;

std::string line_of(const char* format, auto... values) {
  char text[256];
  std::snprintf(text, sizeof(text), format, values...);
  return text;
}

/// The plan's loads on other placements.
ModelPlan placed_as(const ModelPlan& plan, const std::optional<ModelPlan>& current) {
  ModelPlan other = plan;
  for (std::size_t layer = 0; layer < plan.layers.size(); ++layer) {
    other.layers[layer] =
        current ? current->layers[layer] : dealt_round_robin(plan.terms, plan.loads[layer]);
  }
  return other;
}

json bytes_json(const Traffic& traffic) {
  return {{"node", traffic.bytes[static_cast<std::size_t>(LinkClass::kNode)]},
          {"network", traffic.bytes[static_cast<std::size_t>(LinkClass::kNetwork)]}};
}

json migration_json(const MigrationCost& cost, double gain) {
  json out = {{"replicas", cost.replicas},
              {"bytes", cost.bytes},
              {"seconds", cost.seconds},
              {"pays_after_steps", nullptr}};
  if (gain > 0) {
    out["pays_after_steps"] = static_cast<std::int64_t>(std::ceil(cost.seconds / gain));
  }
  return out;
}

}  // namespace

json plan_costs(const ModelPlan& plan, const PlanInput& input,
                const std::optional<ModelPlan>& current, const std::string& before) {
  RunLayout layout = input.layout;
  layout.expert_parallel = static_cast<int>(plan.terms.ranks.size());
  check_input(layout.ranks % layout.expert_parallel == 0, "--cluster: ", layout.ranks,
              " ranks, which the plan's ", layout.expert_parallel, " do not divide");
  const ModelSizes sizes(input.run.model);
  const auto step_of = [&](const ModelPlan& placed) {
    return predict_step(input.run, sizes, layout, input.cluster,
                        planned_holdings(placed, input.run.capacity_factor))
        .seconds();
  };
  const double step_before = step_of(placed_as(plan, current));
  const double planned = step_of(plan);
  const double memory =
      predict_memory(input.run, sizes, layout, planned_holdings(plan, input.run.capacity_factor))
          .total();
  const Traffic replicas = replica_traffic(input.run, sizes, input.cluster, plan);
  json out = {{"memory", memory},
              {"fits", memory <= input.cluster.memory},
              {"before", before},
              {"step_before", step_before},
              {"step_planned", planned},
              {"replicas",
               {{"bytes", bytes_json(replicas)}, {"seconds", replicas.seconds(input.cluster)}}}};
  if (current) {
    out["migration"] = migration_json(
        migration_cost(input.run, sizes, input.cluster, *current, plan), step_before - planned);
  }
  return out;
}

void print_costs(const json& costs, std::ostream& out) {
  const auto number = [](const json& value) { return value.get<double>(); };
  out << line_of("predicted: %s on the fullest rank (%s); a step takes %.4g s, and %.4g s ",
                 bytes_text(number(costs["memory"])).c_str(),
                 costs["fits"].get<bool>() ? "fits" : "does not fit", number(costs["step_planned"]),
                 number(costs["step_before"]))
      << "under " << costs["before"].get<std::string>() << "\n";
  const json& replicas = costs["replicas"];
  out << line_of(
      "copies' gradients and weights: %s a step over nodes' links, %s over the "
      "network, %.3g s if nothing hides them\n",
      bytes_text(number(replicas["bytes"]["node"])).c_str(),
      bytes_text(number(replicas["bytes"]["network"])).c_str(), number(replicas["seconds"]));
  if (!costs.contains("migration")) {
    return;
  }
  const json& migration = costs["migration"];
  out << line_of("going over: %d copies, %s, %.3g s; ", migration["replicas"].get<int>(),
                 bytes_text(number(migration["bytes"])).c_str(), number(migration["seconds"]));
  if (migration["pays_after_steps"].is_null()) {
    out << "does not pay\n";
  } else {
    out << "pays after " << migration["pays_after_steps"] << " steps\n";
  }
}

}  // namespace bam
