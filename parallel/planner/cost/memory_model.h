#pragma once

#include "parallel/planner/cost/holdings.h"
#include "parallel/planner/cost/run_shape.h"

namespace bam {

/// Bytes that tensors take on one rank at a step's worst moment.
struct MemoryPrediction {
  double weights = 0;
  double gradients = 0;
  double optimizer = 0;
  double activations = 0;  // what backward needs
  double exchange = 0;  // rows that were sent here and are waited for, and gradients to be summed
  double staging = 0;   // logits, and what a layer's backward makes on its way
  double snapshot = 0;  // copies of weights and moments that checkpoints are written from

  double total() const {
    return weights + gradients + optimizer + activations + exchange + staging + snapshot;
  }
};

/// Of the fullest rank. Holdings: one entry a layer, or one for all. docs/planning.md derives it.
MemoryPrediction predict_memory(const RunShape& run, const ModelSizes& sizes,
                                const RunLayout& layout, const std::vector<LayerHoldings>& layers);

}  // namespace bam
