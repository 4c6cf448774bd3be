#include "model/placement.h"

#include "runtime/check.h"

namespace bam {
namespace {

void validate_ranks(const std::vector<int>& rank_of_expert, int experts, int ranks, std::size_t layer,
                    const char* kind) {
  check_input(static_cast<int>(rank_of_expert.size()) == experts, "placement.layers[", layer, "].",
              kind, ": ", rank_of_expert.size(), " entries where ", experts, " were expected");
  for (std::size_t e = 0; e < rank_of_expert.size(); ++e) {
    check_input(0 <= rank_of_expert[e] && rank_of_expert[e] < ranks, "placement.layers[", layer,
                "].", kind, "[", e, "]: rank ", rank_of_expert[e], " of ", ranks);
  }
}

}  // namespace

bool Placement::holds(int rank, const ParameterSpec& spec) const {
  if (!spec.is_expert()) {
    return true;
  }
  const LayerPlacement& layer = layers.at(static_cast<std::size_t>(spec.layer));
  const std::vector<int>& ranks_of = spec.role == Role::kAttention ? layer.attention : layer.ffn;
  return ranks_of.at(static_cast<std::size_t>(spec.expert)) == rank;
}

Placement round_robin(const ModelConfig& config, int ranks) {
  LayerPlacement layer;
  for (int j = 0; config.has_attention_experts() && j < config.attention_experts(); ++j) {
    layer.attention.push_back(j % ranks);
  }
  for (int i = 0; config.mixture && i < config.ffn_experts(); ++i) {
    layer.ffn.push_back(i % ranks);
  }
  return {ranks, std::vector<LayerPlacement>(static_cast<std::size_t>(config.n_layers), layer)};
}

void validate(const Placement& placement, const ModelConfig& config) {
  check_input(static_cast<int>(placement.layers.size()) == config.n_layers, "placement.layers: ",
              placement.layers.size(), " entries where ", config.n_layers, " were expected");
  const int attention = config.has_attention_experts() ? config.attention_experts() : 0;
  const int ffn = config.mixture ? config.ffn_experts() : 0;
  for (std::size_t l = 0; l < placement.layers.size(); ++l) {
    validate_ranks(placement.layers[l].attention, attention, placement.ranks, l, "attention");
    validate_ranks(placement.layers[l].ffn, ffn, placement.ranks, l, "ffn");
  }
}

std::vector<int> experts_on(const std::vector<int>& rank_of_expert, int rank) {
  std::vector<int> held;
  for (std::size_t e = 0; e < rank_of_expert.size(); ++e) {
    if (rank_of_expert[e] == rank) {
      held.push_back(static_cast<int>(e));
    }
  }
  return held;
}

}  // namespace bam
