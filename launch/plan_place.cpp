#include "launch/plan_place.h"

#include <algorithm>
#include <iostream>
#include <optional>

#include "io/plan_file.h"
#include "io/run_config.h"
#include "io/text_file.h"
#include "io/text_proto.h"
#include "launch/exit_codes.h"
#include "launch/number_list.h"
#include "launch/place_request.h"
#include "launch/plan_costs.h"
#include "launch/plan_map.h"
#include "launch/plan_report.h"
#include "runtime/check.h"

namespace bam {
namespace {

using nlohmann::json;

constexpr int kMostSlots = 1 << 28;
constexpr std::int64_t kUsualLength = 2048;  // where no config says

std::vector<RankRoom> rooms_of(const PlaceRequest& request, int slots) {
  const auto ranks = static_cast<std::size_t>(request.ranks);
  std::vector<RankRoom> rooms = equal_ranks(request.ranks, slots);
  if (!request.rank_slots.empty()) {
    const auto counts = numbers_for_each(request.rank_slots, "--rank-slots", ranks);
    for (std::size_t rank = 0; rank < ranks; ++rank) {
      check_input(counts[rank] >= 1 && counts[rank] <= kMostSlots &&
                      counts[rank] == static_cast<int>(counts[rank]),
                  "--rank-slots: rank ", rank, ": ", counts[rank],
                  " where a whole number of at least 1 was expected");
      rooms[rank].slots = static_cast<int>(counts[rank]);
    }
  }
  if (!request.speeds.empty()) {
    const auto speeds = numbers_for_each(request.speeds, "--speeds", ranks);
    for (std::size_t rank = 0; rank < ranks; ++rank) {
      check_input(speeds[rank] > 0, "--speeds: rank ", rank, ": ", speeds[rank],
                  " where a positive number was expected");
      rooms[rank].speed = speeds[rank];
    }
  }
  return rooms;
}

/// Of a run config; a model config has none.
std::int64_t sequence_length(const proto::RunConfig& config) {
  return config.data().sequence_length() > 0 ? config.data().sequence_length() : kUsualLength;
}

/// What the plan takes the place of: the current plan, or experts dealt round-robin.
std::vector<LayerPlan> before(const PlaceRequest& request, const ModelPlan& plan) {
  if (!request.from.empty()) {
    return read_plan(request.from).layers;
  }
  std::vector<LayerPlan> layers;
  for (const LayerLoads& loads : plan.loads) {
    layers.push_back(dealt_round_robin(plan.terms, loads));
  }
  return layers;
}

ModelPlan planned(const PlaceRequest& request) {
  std::optional<ModelConfig> model;
  PlanTerms terms;
  if (!request.model.empty()) {
    const proto::RunConfig config = read_run_or_model_config(request.model);
    model = model_config_of(config.model(), request.model);
    terms.costs =
        expert_costs(*model, request.length > 0 ? request.length : sequence_length(config));
  }
  if (request.attention_cost > 0) {
    terms.costs.attention = request.attention_cost;
  }
  std::vector<LayerLoads> loads = read_layer_loads(request.loads, model);
  const auto experts =
      static_cast<int>(loads.front().front().attention.size() + loads.front().front().ffn.size());
  terms.slots = request.slots > 0 ? request.slots : experts;
  terms.ranks = rooms_of(request, terms.slots);
  terms.nodes = request.nodes;
  terms.group = request.group;
  terms.shares = request.shares;
  terms.seed = request.seed;
  return request.from.empty()
             ? plan_model(terms, std::move(loads))
             : replan_model(read_plan(request.from), terms, std::move(loads), request.moves);
}

}  // namespace

int plan_place(std::span<const std::string> arguments) {
  const std::optional<PlaceRequest> request = read_place_request(arguments);
  if (!request) {
    return kDone;
  }
  const ModelPlan plan = planned(*request);
  json costs;
  if (!request->cluster.empty()) {
    std::optional<ModelPlan> current;
    if (!request->from.empty()) {
      current = read_plan(request->from);
    }
    costs = plan_costs(plan, read_plan_input(request->model, request->cluster, request->changes),
                       current);
  }
  if (!request->out.empty()) {
    write_file(request->out, text_with_short_lists(message_of_plan(plan)));
  }
  if (!request->map.empty()) {
    write_load_map(request->map, before(*request, plan), plan);
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
  if (!costs.is_null()) {
    print_costs(costs, std::cout);
  }
  return kDone;
}

}  // namespace bam
