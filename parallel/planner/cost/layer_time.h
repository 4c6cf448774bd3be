#pragma once

#include "parallel/planner/cost/cluster.h"
#include "parallel/planner/cost/holdings.h"

namespace bam {

/// Seconds one rank computes.
struct ComputeSeconds {
  double products = 0;
  double attention = 0;
  double rows = 0;  // norms, activations, permutation, copies

  double total() const { return products + attention + rows; }
  ComputeSeconds& operator+=(const ComputeSeconds& more);
  ComputeSeconds operator*(double times) const;
};

/// A pass through something: forward, and the way back.
struct PassSeconds {
  ComputeSeconds forward;
  ComputeSeconds backward;

  double total() const { return forward.total() + backward.total(); }
};

/// Rows of one micro-step.
struct RowCounts {
  double own = 0;    // of a rank's own sequences
  double group = 0;  // of its expert-parallel group
};
RowCounts row_counts(const RunShape& run, const RunLayout& layout);

/// One layer of one rank in one micro-step: kernel by kernel as model/ calls them, at the cluster's
/// rates.
PassSeconds layer_seconds(const RunShape& run, const RunLayout& layout, const Cluster& cluster,
                          const RankHolding& holding);

/// The output layer, the loss and both embeddings in one micro-step.
PassSeconds head_seconds(const RunShape& run, const RunLayout& layout, const Cluster& cluster);

}  // namespace bam
