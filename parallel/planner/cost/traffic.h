#pragma once

#include <array>

#include "parallel/planner/cost/cluster.h"
#include "parallel/planner/cost/holdings.h"

namespace bam {

/// What one rank sends in some time, by class of link. It receives about as much.
struct Traffic {
  std::array<double, kLinkClasses> bytes{};
  std::array<double, kLinkClasses> messages{};

  double total() const { return bytes[0] + bytes[1]; }
  Traffic& operator+=(const Traffic& more);
  Traffic operator*(double times) const;
  /// Seconds until all of it has arrived, the classes side by side.
  double seconds(const Cluster& cluster) const;
};

/// Ranks that one rank of a group exchanges with.
struct Peers {
  std::array<double, kLinkClasses> count{};

  double total() const { return count[0] + count[1]; }
  /// `bytes` to each of them, in `messages` messages each.
  Traffic each(double bytes, double messages) const;
};

/// Of an expert-parallel group (consecutive ranks), of a data-parallel group (the same place of
/// each expert-parallel group), of the world.
Peers expert_peers(const RunLayout& layout, const Cluster& cluster);
Peers data_peers(const RunLayout& layout, const Cluster& cluster);
Peers world_peers(const RunLayout& layout, const Cluster& cluster);

/// One layer's forward exchange in one micro-step, of the rank that sends most: FFN rows there and
/// back, sequences to the attention experts of other ranks and their answers. A row goes to each of
/// its experts, be they on one rank. Backward is as much, but for the gates.
Traffic layer_traffic(const RunShape& run, const RunLayout& layout, const Cluster& cluster,
                      const LayerHoldings& layer);

/// Gradients to the owners of their tiles, and new weights back, in one step. The experts'
/// gradients over data-parallel copies; replicas within a group are counted by replica_traffic.
struct StepTraffic {
  Traffic gradients;      // while backward goes on
  Traffic last_gradient;  // the input embedding's, which is whole when backward ends
  Traffic weights;
};
StepTraffic step_traffic(const RunShape& run, const ModelSizes& sizes, const RunLayout& layout,
                         const Cluster& cluster, const std::vector<LayerHoldings>& layers);

}  // namespace bam
