#include "launch/place_terms.h"

#include <algorithm>

#include "launch/number_list.h"
#include "runtime/check.h"

namespace bam {
namespace {

constexpr int kMostSlots = 1 << 28;

/// Ranks that share the slots; each has at least the room that it has in the current plan.
std::vector<RankRoom> default_rooms(int ranks, int slots, const std::optional<ModelPlan>& current) {
  std::vector<RankRoom> rooms = equal_ranks(ranks, slots);
  for (std::size_t rank = 0; current && rank < rooms.size(); ++rank) {
    const RankRoom& now = current->terms.ranks[rank];
    rooms[rank] = {std::max(rooms[rank].slots, now.slots), now.speed};
  }
  return rooms;
}

/// The same, with what the options say.
std::vector<RankRoom> rooms_of(const PlaceRequest& request, std::vector<RankRoom> rooms) {
  const std::size_t ranks = rooms.size();
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

/// Of which plan, for people.
std::string layer_of(const PlaceRequest& request, std::size_t layer) {
  return message_of("layer ", layer, " of ", request.from);
}

/// A current plan that has no place in the terms, which are named by their options.
void check_has_room(const ModelPlan& current, const PlanTerms& terms, const PlaceRequest& request) {
  for (std::size_t layer = 0; layer < current.layers.size(); ++layer) {
    std::vector<int> held(terms.ranks.size());
    int copies = 0;
    for (const Replicas& replicas : current.layers[layer].experts) {
      for (const Replica& replica : replicas) {
        ++held[static_cast<std::size_t>(replica.rank)];
        ++copies;
      }
    }
    check_input(copies <= terms.slots, "--slots: ", terms.slots, " are too few for the ", copies,
                " copies in ", layer_of(request, layer));
    for (std::size_t rank = 0; rank < held.size(); ++rank) {
      check_input(held[rank] <= terms.ranks[rank].slots, "--rank-slots: rank ", rank,
                  " has room for ", terms.ranks[rank].slots, " copies and holds ", held[rank],
                  " in ", layer_of(request, layer));
    }
  }
}

void check_is_of_same_model(const ModelPlan& current, const std::vector<LayerLoads>& loads,
                            const PlaceRequest& request) {
  const LoadWindow& first = loads.front().front();
  const auto attention = static_cast<int>(first.attention.size());
  const auto ffn = static_cast<int>(first.ffn.size());
  check_input(loads.size() == current.layers.size() && attention == current.attention_experts() &&
                  attention + ffn == current.experts(),
              "--loads: ", loads.size(), " layers of ", attention, " attention and ", ffn,
              " FFN experts where ", request.from, " has ", current.layers.size(), " of ",
              current.attention_experts(), " and ",
              current.experts() - current.attention_experts());
}

}  // namespace

PlanTerms place_terms(const PlaceRequest& request, const std::optional<ModelPlan>& current,
                      const std::vector<LayerLoads>& loads) {
  PlanTerms terms;
  terms.slots =
      static_cast<int>(loads.front().front().attention.size() + loads.front().front().ffn.size());
  const int experts = terms.slots;
  int ranks = request.ranks.value_or(0);
  if (current) {
    check_is_of_same_model(*current, loads, request);
    terms = current->terms;
    ranks = static_cast<int>(terms.ranks.size());
    check_input(request.ranks.value_or(ranks) == ranks, "--ranks: ", request.ranks.value_or(ranks),
                " where ", request.from, " is for ", ranks);
  }
  terms.slots = request.slots.value_or(terms.slots);
  terms.ranks = rooms_of(request, default_rooms(ranks, terms.slots, current));
  terms.nodes = request.nodes.value_or(terms.nodes);
  terms.group = request.group.value_or(terms.group);
  terms.shares = request.shares.value_or(terms.shares);
  terms.seed = request.seed;
  check_terms(terms, experts);
  if (current) {
    check_has_room(*current, terms, request);
  }
  return terms;
}

}  // namespace bam
