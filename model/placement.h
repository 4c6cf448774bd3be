#pragma once

#include <vector>

#include "model/config.h"
#include "model/parameters.h"

namespace bam {

/// Which rank of an expert-parallel group holds each expert of one layer.
struct LayerPlacement {
  std::vector<int> attention;  // rank of attention expert j; empty without attention experts
  std::vector<int> ffn;        // rank of FFN expert i; empty in a dense model
};

/// Where every expert of a model lives.
struct Placement {
  int ranks = 1;
  std::vector<LayerPlacement> layers;

  /// Whether `rank` of the group holds this parameter (all but other ranks' experts).
  bool holds(int rank, const ParameterSpec& spec) const;
};

/// Experts dealt round-robin: attention expert j on rank j mod R, FFN expert i likewise.
Placement round_robin(const ModelConfig& config, int ranks);

/// Throws BadInput, naming layer and expert, unless every expert of the model has a rank in range.
void validate(const Placement& placement, const ModelConfig& config);

/// The experts a rank holds, ascending.
std::vector<int> experts_on(const std::vector<int>& rank_of_expert, int rank);

}  // namespace bam
