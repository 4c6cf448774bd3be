#include "parallel/planner/cost/holdings.h"

#include <numeric>

namespace bam {
namespace {

/// Each FFN expert's part of all rows, averaged over the windows.
std::vector<double> ffn_parts(const LayerLoads& loads) {
  std::vector<double> parts(loads.front().ffn.size());
  for (const LoadWindow& window : loads) {
    const double total = std::accumulate(window.ffn.begin(), window.ffn.end(), 0.0);
    for (std::size_t e = 0; e < parts.size(); ++e) {
      parts[e] += total > 0 ? window.ffn[e] / total / static_cast<double>(loads.size()) : 0;
    }
  }
  return parts;
}

}  // namespace

double RankHolding::ffn_share() const {
  return std::accumulate(ffn_shares.begin(), ffn_shares.end(), 0.0);
}

std::vector<LayerHoldings> even_holdings(const ModelConfig& model, int expert_parallel) {
  LayerHoldings layer(static_cast<std::size_t>(expert_parallel));
  for (int j = 0; model.has_attention_experts() && j < model.attention_experts(); ++j) {
    RankHolding& rank = layer[static_cast<std::size_t>(j % expert_parallel)];
    rank.attention += 1;
    rank.attention_copies += 1;
    rank.attention_states += 1;
  }
  for (int i = 0; model.mixture && i < model.ffn_experts(); ++i) {
    RankHolding& rank = layer[static_cast<std::size_t>(i % expert_parallel)];
    rank.ffn_shares.push_back(1.0 / model.ffn_experts());
    rank.ffn_states += 1;
  }
  return {layer};
}

std::vector<LayerHoldings> planned_holdings(const ModelPlan& plan, double capacity_factor) {
  const auto attention = static_cast<std::size_t>(plan.attention_experts());
  std::vector<LayerHoldings> layers;
  for (std::size_t l = 0; l < plan.layers.size(); ++l) {
    const std::size_t experts = plan.loads[l].front().ffn.size();
    const std::vector<double> parts =
        capacity_factor > 0 ? std::vector<double>(experts, 1.0 / static_cast<double>(experts))
                            : ffn_parts(plan.loads[l]);
    LayerHoldings& layer = layers.emplace_back(plan.terms.ranks.size());
    for (std::size_t e = 0; e < plan.layers[l].experts.size(); ++e) {
      const double state = 1.0 / static_cast<double>(plan.layers[l].experts[e].size());
      for (const Replica& replica : plan.layers[l].experts[e]) {
        RankHolding& rank = layer[static_cast<std::size_t>(replica.rank)];
        if (e < attention) {
          rank.attention += replica.share;
          rank.attention_copies += 1;
          rank.attention_states += state;
        } else {
          rank.ffn_shares.push_back(parts[e - attention] * replica.share);
          rank.ffn_states += state;
        }
      }
    }
  }
  return layers;
}

}  // namespace bam
