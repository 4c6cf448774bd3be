#include "parallel/planner/cost/plan_cost.h"

#include <algorithm>

namespace bam {
namespace {

constexpr double kFloat = 4;

/// Elements of the plan's e-th expert.
double elements_of(std::size_t expert, const ModelSizes& sizes, const ModelPlan& plan) {
  return static_cast<int>(expert) < plan.attention_experts() ? sizes.attention_expert
                                                             : sizes.ffn_expert;
}

LinkClass link_between(int a, int b, const Cluster& cluster) {
  return a / cluster.ranks_per_node == b / cluster.ranks_per_node ? LinkClass::kNode
                                                                  : LinkClass::kNetwork;
}

void add(double bytes, LinkClass link, Traffic& traffic) {
  traffic.bytes[static_cast<std::size_t>(link)] += bytes;
  traffic.messages[static_cast<std::size_t>(link)] += 1;
}

/// The rank whose traffic takes longest.
Traffic slowest(const std::vector<Traffic>& ranks, const Cluster& cluster) {
  return *std::max_element(ranks.begin(), ranks.end(), [&](const Traffic& a, const Traffic& b) {
    return a.seconds(cluster) < b.seconds(cluster);
  });
}

/// Bytes of one element with all it takes to go on training it.
double state_bytes(const RunShape& run) {
  const double master = run.precision == Precision::kBFloat16 ? kFloat : 0;
  return run.element_bytes() + master + 2 * kFloat;
}

}  // namespace

Traffic replica_traffic(const RunShape& run, const ModelSizes& sizes, const Cluster& cluster,
                        const ModelPlan& plan) {
  std::vector<Traffic> ranks(plan.terms.ranks.size());
  for (const LayerPlan& layer : plan.layers) {
    for (std::size_t e = 0; e < layer.experts.size(); ++e) {
      const auto& copies = layer.experts[e];
      // Tiles are dealt over the copies: each sends a part to each other, and so come the weights.
      const double bytes = elements_of(e, sizes, plan) * (kFloat + run.element_bytes()) /
                           static_cast<double>(copies.size());
      for (const Replica& from : copies) {
        for (const Replica& to : copies) {
          if (from.rank != to.rank) {
            add(bytes, link_between(from.rank, to.rank, cluster),
                ranks[static_cast<std::size_t>(from.rank)]);
          }
        }
      }
    }
  }
  return slowest(ranks, cluster);
}

MigrationCost migration_cost(const RunShape& run, const ModelSizes& sizes, const Cluster& cluster,
                             const ModelPlan& before, const ModelPlan& after) {
  MigrationCost cost;
  std::vector<Traffic> sent(after.terms.ranks.size());
  std::vector<Traffic> received(after.terms.ranks.size());
  for (std::size_t layer = 0; layer < after.layers.size(); ++layer) {
    for (std::size_t e = 0; e < after.layers[layer].experts.size(); ++e) {
      const auto& old = before.layers[layer].experts[e];
      std::size_t next = 0;  // of the old copies, that send in turn
      for (const Replica& replica : after.layers[layer].experts[e]) {
        if (std::any_of(old.begin(), old.end(),
                        [&](const Replica& other) { return other.rank == replica.rank; })) {
          continue;
        }
        const int source = old[next++ % old.size()].rank;
        const double bytes = elements_of(e, sizes, after) * state_bytes(run);
        const LinkClass link = link_between(source, replica.rank, cluster);
        add(bytes, link, sent[static_cast<std::size_t>(source)]);
        add(bytes, link, received[static_cast<std::size_t>(replica.rank)]);
        cost.bytes += bytes;
        ++cost.replicas;
      }
    }
  }
  cost.seconds = std::max(slowest(sent, cluster).seconds(cluster),
                          slowest(received, cluster).seconds(cluster));
  return cost;
}

}  // namespace bam
