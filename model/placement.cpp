#include "model/placement.h"

#include <algorithm>
#include <cmath>

#include "runtime/check.h"

namespace bam {
namespace {

constexpr double kShareRounding = 1e-6;

// `name`: "placement.layers[2].ffn[7]".
void validate_expert(const Replicas& replicas, int ranks, const std::string& name) {
  check_input(!replicas.empty(), name, ": no rank holds it");
  double shares = 0;
  for (std::size_t i = 0; i < replicas.size(); ++i) {
    const auto [rank, share] = replicas[i];
    check_input(0 <= rank && rank < ranks, name, ": rank ", rank, " of ", ranks);
    check_input(i == 0 || replicas[i - 1].rank < rank, name, ": a copy on rank ", rank,
                " after one on rank ", replicas[i - (i > 0)].rank,
                " where each was expected on a higher rank");
    check_input(share >= 0 && share <= 1, name, ": share ", share,
                " where a number from 0 to 1 was expected");
    shares += share;
  }
  check_input(std::abs(shares - 1) <= kShareRounding, name, ": its copies' shares add up to ",
              shares, " instead of 1");
}

void validate_experts(const std::vector<Replicas>& experts, int expected, int ranks,
                      const std::string& name) {
  check_input(static_cast<int>(experts.size()) == expected, name, ": ", experts.size(),
              " entries where ", expected, " were expected");
  for (std::size_t e = 0; e < experts.size(); ++e) {
    validate_expert(experts[e], ranks, message_of(name, "[", e, "]"));
  }
}

}  // namespace

const Replicas& Placement::replicas_of(const ParameterSpec& spec) const {
  check(spec.is_expert(), spec.name(), ": no expert's weight has replicas");
  const LayerPlacement& layer = layers.at(static_cast<std::size_t>(spec.layer));
  const std::vector<Replicas>& experts =
      spec.role == Role::kAttention ? layer.attention : layer.ffn;
  return experts.at(static_cast<std::size_t>(spec.expert));
}

bool Placement::holds(int rank, const ParameterSpec& spec) const {
  return !spec.is_expert() || is_on(replicas_of(spec), rank);
}

std::vector<Replicas> single_copies(const std::vector<int>& rank_of_expert) {
  std::vector<Replicas> experts;
  for (const int rank : rank_of_expert) {
    experts.push_back({{.rank = rank}});
  }
  return experts;
}

Placement round_robin(const ModelConfig& config, int ranks) {
  LayerPlacement layer;
  for (int j = 0; config.has_attention_experts() && j < config.attention_experts(); ++j) {
    layer.attention.push_back({{.rank = j % ranks}});
  }
  for (int i = 0; config.mixture && i < config.ffn_experts(); ++i) {
    layer.ffn.push_back({{.rank = i % ranks}});
  }
  return {ranks, std::vector<LayerPlacement>(static_cast<std::size_t>(config.n_layers), layer)};
}

void validate(const Placement& placement, const ModelConfig& config) {
  check_input(static_cast<int>(placement.layers.size()) == config.n_layers,
              "placement.layers: ", placement.layers.size(), " entries where ", config.n_layers,
              " were expected");
  const int attention = config.has_attention_experts() ? config.attention_experts() : 0;
  const int ffn = config.mixture ? config.ffn_experts() : 0;
  for (std::size_t l = 0; l < placement.layers.size(); ++l) {
    const std::string name = message_of("placement.layers[", l, "].");
    validate_experts(placement.layers[l].attention, attention, placement.ranks, name + "attention");
    validate_experts(placement.layers[l].ffn, ffn, placement.ranks, name + "ffn");
  }
}

bool is_on(const Replicas& replicas, int rank) {
  return std::ranges::find(replicas, rank, &Replica::rank) != replicas.end();
}

std::vector<int> experts_on(const std::vector<Replicas>& experts, int rank) {
  std::vector<int> held;
  for (std::size_t e = 0; e < experts.size(); ++e) {
    if (is_on(experts[e], rank)) {
      held.push_back(static_cast<int>(e));
    }
  }
  return held;
}

}  // namespace bam
