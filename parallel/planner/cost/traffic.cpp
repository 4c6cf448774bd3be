#include "parallel/planner/cost/traffic.h"

#include <algorithm>

#include "parallel/planner/cost/layer_time.h"

namespace bam {
namespace {

constexpr double kFloat = 4;
constexpr std::size_t kNode = static_cast<std::size_t>(LinkClass::kNode);
constexpr std::size_t kNetwork = static_cast<std::size_t>(LinkClass::kNetwork);

/// A group of `size` ranks, `on_node` of which share a node with each of them.
Peers peers_of(int size, int on_node) {
  const int near = std::max(1, std::min(size, on_node));
  Peers peers;
  peers.count[kNode] = near - 1;
  peers.count[kNetwork] = size - near;
  return peers;
}

/// Elements of the experts one rank holds, over all layers; of the fullest rank.
double expert_elements(const ModelSizes& sizes, int n_layers,
                       const std::vector<LayerHoldings>& layers) {
  double most = 0;
  for (std::size_t rank = 0; rank < layers.front().size(); ++rank) {
    double elements = 0;
    for (const LayerHoldings& layer : layers) {
      elements += layer[rank].attention_copies * sizes.attention_expert +
                  static_cast<double>(layer[rank].ffn_shares.size()) * sizes.ffn_expert;
    }
    most = std::max(most, elements * (layers.size() == 1 ? n_layers : 1));
  }
  return most;
}

/// FFN rows there and back, of the rank for which that takes longest; each rank has `chosen` bytes
/// of them, spread over the group as its ranks have parts of the experts' work.
Traffic ffn_traffic(double chosen, const Peers& peers, const Cluster& cluster,
                    const LayerHoldings& layer) {
  const auto near = static_cast<std::size_t>(peers.count[kNode]) + 1;
  Traffic most;
  double on_node = 0;  // part of the work done on the rank's node
  for (std::size_t rank = 0; rank < layer.size(); ++rank) {
    if (rank % near == 0) {
      on_node = 0;
      for (std::size_t other = rank; other < std::min(rank + near, layer.size()); ++other) {
        on_node += layer[other].ffn_share();
      }
    } else if (layer[rank] == layer[rank - 1]) {
      continue;
    }
    // Its own rows to all others, and to each of them the answers for theirs.
    const double share = layer[rank].ffn_share();
    Traffic traffic = peers.each(chosen * share, 3);  // and the counts before them
    traffic.bytes[kNode] += chosen * (on_node - share);
    traffic.bytes[kNetwork] += chosen * (peers.count[kNetwork] > 0 ? 1 - on_node : 0);
    most = traffic.seconds(cluster) > most.seconds(cluster) ? traffic : most;
  }
  return most;
}

}  // namespace

Traffic& Traffic::operator+=(const Traffic& more) {
  for (std::size_t link = 0; link < kLinkClasses; ++link) {
    bytes[link] += more.bytes[link];
    messages[link] += more.messages[link];
  }
  return *this;
}

Traffic Traffic::operator*(double times) const {
  Traffic scaled = *this;
  for (std::size_t link = 0; link < kLinkClasses; ++link) {
    scaled.bytes[link] *= times;
    scaled.messages[link] *= times;
  }
  return scaled;
}

double Traffic::seconds(const Cluster& cluster) const {
  double most = 0;
  for (std::size_t link = 0; link < kLinkClasses; ++link) {
    most = std::max(most, cluster.links[link].seconds(bytes[link], messages[link]));
  }
  return most;
}

Traffic Peers::each(double bytes, double messages) const {
  Traffic traffic;
  for (std::size_t link = 0; link < kLinkClasses; ++link) {
    traffic.bytes[link] = count[link] * bytes;
    traffic.messages[link] = count[link] * messages;
  }
  return traffic;
}

Peers expert_peers(const RunLayout& layout, const Cluster& cluster) {
  return peers_of(layout.expert_parallel, cluster.ranks_per_node);
}

Peers data_peers(const RunLayout& layout, const Cluster& cluster) {
  return peers_of(layout.data_parallel(), cluster.ranks_per_node / layout.expert_parallel);
}

Peers world_peers(const RunLayout& layout, const Cluster& cluster) {
  return peers_of(layout.ranks, cluster.ranks_per_node);
}

Traffic layer_traffic(const RunShape& run, const RunLayout& layout, const Cluster& cluster,
                      const LayerHoldings& layer) {
  if (layout.expert_parallel == 1 || !run.model.mixture) {
    return {};
  }
  const Peers peers = expert_peers(layout, cluster);
  const double own = row_counts(run, layout).own;
  const auto d = static_cast<double>(run.model.d_model);
  const double row = d * run.element_bytes();
  const double chosen = run.ffn_rows(own) * row;
  Traffic traffic = ffn_traffic(chosen, peers, cluster, layer);
  if (!run.model.has_attention_experts()) {
    return traffic;
  }
  const auto holders =
      static_cast<double>(std::count_if(layer.begin(), layer.end(), [](const RankHolding& rank) {
        return rank.attention_copies > 0;
      }));
  const double gates = run.model.attention_experts() * kFloat;
  // Every row to every rank that holds attention experts, with its gates, and an answer back.
  const double held = holders / layout.expert_parallel;
  traffic += peers.each(held * own * (2 * row + gates), held * 3 * layout.slices_per_peer);
  return traffic;
}

StepTraffic step_traffic(const RunShape& run, const ModelSizes& sizes, const RunLayout& layout,
                         const Cluster& cluster, const std::vector<LayerHoldings>& layers) {
  const Peers world = world_peers(layout, cluster);
  const Peers copies = data_peers(layout, cluster);
  const double experts = expert_elements(sizes, run.model.n_layers, layers);
  const auto tiles = [&](double elements, const Peers& peers) {
    return std::max(1.0, elements / static_cast<double>(kTileElements) / (peers.total() + 1));
  };
  const double shared = sizes.shared + sizes.shared_fp32 - sizes.embedding;
  StepTraffic step;
  step.gradients = world.each(shared * kFloat / layout.ranks, tiles(shared, world));
  step.gradients += copies.each(experts * kFloat / layout.data_parallel(), tiles(experts, copies));
  step.last_gradient =
      world.each(sizes.embedding * kFloat / layout.ranks, tiles(sizes.embedding, world));
  const double element = run.element_bytes();
  step.weights = world.each((sizes.shared * element + sizes.shared_fp32 * kFloat) / layout.ranks,
                            tiles(sizes.shared, world));
  step.weights += copies.each(experts * element / layout.data_parallel(), tiles(experts, copies));
  return step;
}

}  // namespace bam
