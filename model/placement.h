#pragma once

#include <vector>

#include "model/config.h"
#include "model/parameters.h"

namespace bam {

/// One copy of an expert.
struct Replica {
  int rank = 0;        // of the expert-parallel group
  double share = 1.0;  // part of the expert's work; an expert's shares add up to one

  bool operator==(const Replica&) const = default;
};

/// All copies of one expert: at least one, never two on one rank, ranks ascending.
using Replicas = std::vector<Replica>;

/// Where the experts of one layer are. The copies of an FFN expert share its tokens, those of an
/// attention expert its sequences (see model/division.h).
struct LayerPlacement {
  std::vector<Replicas> attention;  // of attention expert j; empty without attention experts
  std::vector<Replicas> ffn;        // of FFN expert i; empty in a dense model

  bool operator==(const LayerPlacement&) const = default;
};

/// Where every expert of a model lives.
struct Placement {
  int ranks = 1;
  std::vector<LayerPlacement> layers;

  /// The copies of the expert whose weight this is; all ranks hold what is no expert's.
  const Replicas& replicas_of(const ParameterSpec& spec) const;
  /// Whether `rank` of the group holds this parameter (all but other ranks' experts).
  bool holds(int rank, const ParameterSpec& spec) const;

  bool operator==(const Placement&) const = default;
};

/// One copy of each expert: expert e on rank_of_expert[e].
std::vector<Replicas> single_copies(const std::vector<int>& rank_of_expert);

/// Experts dealt round-robin: attention expert j on rank j mod R, FFN expert i likewise.
Placement round_robin(const ModelConfig& config, int ranks);

/// Throws BadInput, naming layer and expert, unless every expert of the model has copies on different
/// ranks in range, in order, and shares that add up to one.
void validate(const Placement& placement, const ModelConfig& config);

/// Whether one of the copies is on `rank`.
bool is_on(const Replicas& replicas, int rank);

/// The experts a rank holds, ascending.
std::vector<int> experts_on(const std::vector<Replicas>& experts, int rank);

}  // namespace bam
