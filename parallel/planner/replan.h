#pragma once

#include <vector>

#include "model/placement.h"
#include "parallel/planner/model_plan.h"

namespace bam {

/// Tokens that each expert of one layer got.
struct LayerTokens {
  std::vector<double> attention;  // empty where the layer has a single attention
  std::vector<double> ffn;
};

/// What a placement may be changed to, and what counts as better.
struct ReplanTerms {
  double attention_cost = 1;  // work of one token at an attention expert, relative to an FFN expert
  int slots_per_rank = 0;  // copies that a rank has memory for, a layer; 0: no more copies than now
  int moves = 2;           // copies that may be sent to another rank, a layer
};

/// A placement near the current one, for the loads as they are.
struct Replan {
  Placement placement;
  double time_before = 0;  // work of each layer's slowest rank, summed over the layers
  double time_after = 0;
  int copies_sent = 0;  // to a rank that had none of their expert

  /// The part of the time before that is saved.
  double gain() const { return time_before > 0 ? 1 - time_after / time_before : 0; }
};

/// Places each layer anew where that makes its slowest rank faster; the other layers stay as they
/// are. An expert's copies get equal shares where its layer changes. `tokens` has an entry a layer.
/// Same input, same answer.
Replan replan(const Placement& current, const std::vector<LayerTokens>& tokens,
              const ReplanTerms& terms);

/// What replan found, from what was current, as a plan with certificates for those loads: they say
/// where the limit on moves binds, which takes most of the time. The plan's terms give every rank
/// and layer as much room as the fullest has or may have.
ModelPlan certified_plan(const Replan& found, const Placement& current,
                         const std::vector<LayerTokens>& tokens, const ReplanTerms& terms);

}  // namespace bam
