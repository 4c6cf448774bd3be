#include "parallel/planner/cost/layouts.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace bam {
namespace {

std::vector<std::int64_t> divisors_of(std::int64_t number, std::int64_t most) {
  std::vector<std::int64_t> divisors;
  for (std::int64_t divisor = 1; divisor <= most; ++divisor) {
    if (number % divisor == 0) {
      divisors.push_back(divisor);
    }
  }
  return divisors;
}

int most_expert_parallel(const ModelConfig& model) {
  const int attention = model.has_attention_experts() ? model.attention_experts() : 1;
  return std::max(attention, model.ffn_experts());
}

bool divides(int a, int b) { return b % a == 0; }

bool is_sliced(const RunShape& run, int expert_parallel) {
  return expert_parallel > 1 && run.model.has_attention_experts();
}

/// The order of a ranking.
auto place_of(const PricedLayout& each) {
  return std::make_tuple(!each.fits, each.fits ? each.step.seconds() : each.memory.total(),
                         each.layout.micro_steps, each.layout.expert_parallel,
                         each.layout.slices_per_peer, each.layout.recompute);
}

}  // namespace

std::vector<RunLayout> possible_layouts(const RunShape& run, const Cluster& cluster) {
  const int ranks = cluster.ranks();
  const std::int64_t most_micro_steps = std::max<std::int64_t>(1, run.sequences / ranks);
  const auto micro_steps = divisors_of(run.sequences, most_micro_steps);
  std::vector<RunLayout> layouts;
  for (const std::int64_t size : divisors_of(ranks, most_expert_parallel(run.model))) {
    const auto expert_parallel = static_cast<int>(size);
    if (!divides(expert_parallel, cluster.ranks_per_node) &&
        !divides(cluster.ranks_per_node, expert_parallel)) {
      continue;
    }
    for (const std::int64_t steps : micro_steps) {
      for (const bool recompute : {false, true}) {
        for (const int slices : {1, 2, 4}) {
          if (slices == 2 || is_sliced(run, expert_parallel)) {
            layouts.push_back({ranks, expert_parallel, steps, recompute, slices});
          }
        }
      }
    }
  }
  return layouts;
}

PricedLayout priced(const RunShape& run, const ModelSizes& sizes, const RunLayout& layout,
                    const Cluster& cluster, const std::vector<LayerHoldings>& layers) {
  PricedLayout out{.layout = layout,
                   .memory = predict_memory(run, sizes, layout, layers),
                   .step = predict_step(run, sizes, layout, cluster, layers)};
  out.fits = out.memory.total() <= cluster.memory;
  return out;
}

std::vector<PricedLayout> ranked_layouts(const RunShape& run, const Cluster& cluster,
                                         const HoldingsOf& holdings) {
  const ModelSizes sizes(run.model);
  std::map<int, std::vector<LayerHoldings>> known;
  std::vector<PricedLayout> all;
  for (const RunLayout& layout : possible_layouts(run, cluster)) {
    std::vector<LayerHoldings>& layers = known[layout.expert_parallel];
    if (layers.empty()) {
      layers = holdings(layout.expert_parallel);
    }
    all.push_back(priced(run, sizes, layout, cluster, layers));
  }
  std::stable_sort(all.begin(), all.end(), [](const PricedLayout& a, const PricedLayout& b) {
    return place_of(a) < place_of(b);
  });
  return all;
}

std::vector<PricedLayout> ranked_layouts(const RunShape& run, const Cluster& cluster) {
  return ranked_layouts(
      run, cluster, [&](int expert_parallel) { return even_holdings(run.model, expert_parallel); });
}

bool changes_balance_loss(const RunShape& run, std::int64_t micro_steps, std::int64_t other) {
  return run.model.mixture && run.model.mixture->ffn.balance_loss > 0 && micro_steps != other;
}

}  // namespace bam
