#pragma once

#include <vector>

#include "parallel/planner/cost/run_shape.h"
#include "parallel/planner/model_plan.h"

namespace bam {

/// What one rank of an expert-parallel group holds of one layer, and how much of the work it does.
struct RankHolding {
  double attention = 0;            // attention experts, by the part of the sequences each takes
  int attention_copies = 0;        // attention experts it holds weights of
  std::vector<double> ffn_shares;  // of each FFN expert it holds: its part of all FFN rows
  double attention_states = 0;     // experts whose state it keeps; of one with c copies a c-th
  double ffn_states = 0;           // likewise
  bool operator==(const RankHolding&) const = default;

  double ffn_share() const;
};

/// One layer's holdings. (expert-parallel ranks)
using LayerHoldings = std::vector<RankHolding>;

/// Experts dealt round-robin over the group, all equally loaded: one entry, which serves every
/// layer.
std::vector<LayerHoldings> even_holdings(const ModelConfig& model, int expert_parallel);

/// A plan's holdings under its loads, averaged over the windows; one entry a layer. With a capacity
/// factor FFN experts compute as many rows whatever chose them: all are loaded alike.
std::vector<LayerHoldings> planned_holdings(const ModelPlan& plan, double capacity_factor = 0);

}  // namespace bam
