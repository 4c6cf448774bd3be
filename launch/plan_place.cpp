#include "launch/plan_place.h"

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <optional>

#include "io/field_check.h"
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
PlanBefore before(const PlaceRequest& request, const ModelPlan& plan) {
  if (!request.from.empty()) {
    return {request.from, read_plan(request.from).layers};
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

/// Terms that no loads can be placed under, named by the options that they come from.
void check_terms(const PlanTerms& terms, int experts) {
  const auto ranks = static_cast<int>(terms.ranks.size());
  std::int64_t room = 0;
  for (const RankRoom& rank : terms.ranks) {
    room += rank.slots;
  }
  check_input(ranks % terms.nodes == 0, "--nodes: ", terms.nodes, " do not divide the ", ranks,
              " of --ranks");
  check_input(terms.slots >= experts, "--slots: ", terms.slots, " are too few for ", experts,
              " experts of a layer");
  check_input(terms.slots <= room, "--slots: ", terms.slots, " where --rank-slots have room for ",
              room);
  check_input(terms.group == 0 || experts % terms.group == 0, "--group: ", terms.group,
              " does not divide the ", experts, " experts of a layer");
  check_input(terms.group == 0 || terms.slots % terms.nodes == 0, "--slots: ", terms.slots,
              " do not divide by the ", terms.nodes, " of --nodes, as --group asks for");
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
  check_terms(terms, experts);
  if (request.from.empty()) {
    return plan_model(terms, std::move(loads));
  }
  const ModelPlan current = read_plan(request.from);
  return naming("--from " + request.from,
                [&] { return replan_model(current, terms, std::move(loads), request.moves); });
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
  const ModelPlan plan = planned(*request);
  json costs;
  if (!request->cluster.empty()) {
    std::optional<ModelPlan> current;
    if (!request->from.empty()) {
      current = read_plan(request->from);
    }
    costs = plan_costs(plan, read_plan_input(request->model, request->cluster, request->changes),
                       current, before(*request, plan).name);
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
  if (!request->from.empty()) {
    print_moves(before(*request, plan), plan, std::cout);
  }
  if (!costs.is_null()) {
    print_costs(costs, std::cout);
  }
  return kDone;
}

}  // namespace bam
