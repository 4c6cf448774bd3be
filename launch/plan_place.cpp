#include "launch/plan_place.h"

#include <cstdio>
#include <iostream>
#include <optional>

#include "io/field_check.h"
#include "io/plan_file.h"
#include "io/run_config.h"
#include "io/text_file.h"
#include "io/text_proto.h"
#include "launch/exit_codes.h"
#include "launch/place_request.h"
#include "launch/place_terms.h"
#include "launch/plan_costs.h"
#include "launch/plan_map.h"
#include "launch/plan_report.h"
#include "runtime/check.h"

namespace bam {
namespace {

using nlohmann::json;

constexpr std::int64_t kUsualLength = 2048;  // where no config says

/// Of a run config; a model config has none.
std::int64_t sequence_length(const proto::RunConfig& config) {
  return config.data().sequence_length() > 0 ? config.data().sequence_length() : kUsualLength;
}

/// What the plan takes the place of: the current plan, or experts dealt round-robin.
PlanBefore before_of(const PlaceRequest& request, const std::optional<ModelPlan>& current,
                     const ModelPlan& plan) {
  if (current) {
    return {request.from, current->layers};
  }
  PlanBefore dealt{"round-robin", {}};
  for (const LayerLoads& loads : plan.loads) {
    dealt.layers.push_back(dealt_round_robin(plan.terms, loads));
  }
  return dealt;
}

/// What the plan changes about the current one.
void print_moves(const PlanBefore& before, const ModelPlan& plan, std::ostream& out) {
  int moved = 0;
  double then = 0, planned = 0;
  for (std::size_t layer = 0; layer < plan.layers.size(); ++layer) {
    moved += moved_replicas(before.layers[layer], plan.layers[layer]);
    then += worst_time(before.layers[layer], joint_problem(plan.terms, plan.loads[layer]));
    planned += plan.layers[layer].certificate.worst;
  }
  char text[128];
  std::snprintf(text, sizeof text,
                "%d %s to another rank; slowest ranks carry %.1f %% of what they do under ", moved,
                moved == 1 ? "copy goes" : "copies go", then > 0 ? 100 * planned / then : 100);
  out << text << before.name << "\n";
}

/// The plan that holds now; nothing where --from names none.
std::optional<ModelPlan> current_plan(const PlaceRequest& request) {
  return request.from.empty() ? std::nullopt : std::optional(read_plan(request.from));
}

ModelPlan planned(const PlaceRequest& request, const std::optional<ModelPlan>& current) {
  std::optional<ModelConfig> model;
  std::optional<ExpertCosts> costs;
  if (!request.model.empty()) {
    const proto::RunConfig config = read_run_or_model_config(request.model);
    model = model_config_of(config.model(), request.model);
    costs = expert_costs(*model, request.length > 0 ? request.length : sequence_length(config));
  }
  std::vector<LayerLoads> loads = read_layer_loads(request.loads, model);
  PlanTerms terms = place_terms(request, current, loads);
  terms.costs = costs.value_or(terms.costs);
  if (request.attention_cost > 0) {
    terms.costs.attention = request.attention_cost;
  }
  if (!current) {
    return plan_model(terms, std::move(loads));
  }
  return naming("--from " + request.from,
                [&] { return replan_model(*current, terms, std::move(loads), request.moves); });
}

// A plan is written over none of the files that it is made from, but over the plan before it.
void check_is_no_input(const std::string& out, const PlaceRequest& request) {
  std::vector<std::string> inputs = request.loads.ffn;
  inputs.insert(inputs.end(), request.loads.attention.begin(), request.loads.attention.end());
  inputs.insert(inputs.end(), {request.model, request.cluster});
  for (const std::string& input : inputs) {
    std::error_code differs;
    check_input(out.empty() || !std::filesystem::equivalent(input, out, differs), "--out: ", out,
                ": is what the plan is made from");
  }
}

}  // namespace

int plan_place(std::span<const std::string> arguments) {
  const std::optional<PlaceRequest> request = read_place_request(arguments);
  if (!request) {
    return kDone;
  }
  check_is_no_input(request->out, *request);
  const std::optional<ModelPlan> current = current_plan(*request);
  const ModelPlan plan = planned(*request, current);
  const PlanBefore before = before_of(*request, current, plan);
  json costs;
  if (!request->cluster.empty()) {
    costs = plan_costs(plan, read_plan_input(request->model, request->cluster, request->changes),
                       current, before.name);
  }
  if (!request->out.empty()) {
    write_file(request->out, text_with_short_lists(message_of_plan(plan)));
  }
  if (!request->map.empty()) {
    write_load_map(request->map, before, plan);
  }
  if (request->is_json) {
    json out = plan_json(plan);
    if (!costs.is_null()) {
      out["costs"] = costs;
    }
    std::cout << out.dump(2) << "\n";
    return kDone;
  }
  print_plan(plan, std::cout);
  if (current) {
    print_moves(before, plan, std::cout);
  }
  if (!costs.is_null()) {
    print_costs(costs, std::cout);
  }
  return kDone;
}

}  // namespace bam
