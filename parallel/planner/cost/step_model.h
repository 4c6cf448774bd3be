#pragma once

#include "parallel/planner/cost/layer_time.h"
#include "parallel/planner/cost/traffic.h"

namespace bam {

/// Where one optimiser step's time goes, on the slowest rank.
struct StepPrediction {
  ComputeSeconds forward;   // computing; all micro-steps
  ComputeSeconds backward;  // likewise, with what is computed again
  double optimizer = 0;     // sums over copies, norm, AdamW
  double exchange = 0;      // in which something is in flight
  double exposed = 0;       // of exchange: what no compute hides
  Traffic traffic;          // of one rank, all of the step

  double seconds() const { return forward.total() + backward.total() + optimizer + exposed; }
  double hidden_share() const { return exchange > 0 ? 1 - exposed / exchange : 1; }
};

/// A layer takes as long as its slowest rank; what is in flight is hidden by the compute beside it
/// as far as the cluster hides anything. docs/planning.md derives it and says what it leaves out.
StepPrediction predict_step(const RunShape& run, const ModelSizes& sizes, const RunLayout& layout,
                            const Cluster& cluster, const std::vector<LayerHoldings>& layers);

}  // namespace bam
