#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "model/config.h"
#include "model/expert_capacity.h"
#include "model/memory_need.h"
#include "model/parameter_store.h"

namespace bam {

/// What is to be trained: the model and one optimiser step's data.
struct RunShape {
  ModelConfig model;
  Precision precision = Precision::kFloat32;
  std::int64_t sequences = 0;  // of a step, over all ranks and micro-steps
  std::int64_t length = 0;     // tokens of a sequence
  Snapshots snapshots = Snapshots::kNone;
  double capacity_factor = 0;  // of FFN experts; 0: they compute what chose them
  DeviceKind device = DeviceKind::kCpu;

  double element_bytes() const { return precision == Precision::kBFloat16 ? 2 : 4; }
  DType dtype() const {
    return precision == Precision::kBFloat16 ? DType::kBFloat16 : DType::kFloat32;
  }
  /// FFN rows of so many tokens of a mixture, padding included.
  double ffn_rows(double tokens) const {
    return tokens * ffn_rows_per_token(model.mixture->ffn, capacity_factor);
  }
  double tokens() const { return static_cast<double>(sequences * length); }
};

/// How ranks share a step's work.
struct RunLayout {
  int ranks = 1;
  int expert_parallel = 1;       // divides ranks
  std::int64_t micro_steps = 1;  // divides the sequences
  bool recompute = false;
  int slices_per_peer = 2;

  int data_parallel() const { return ranks / expert_parallel; }
  /// Ranks that have none of a micro-step's sequences, where these are fewer than the ranks: they
  /// compute for others' what their experts are for.
  int without_sequences(std::int64_t sequences) const {
    return static_cast<int>(std::max<std::int64_t>(0, ranks - sequences / micro_steps));
  }
  bool operator==(const RunLayout&) const = default;
};

/// A weight that every rank holds.
struct SharedWeight {
  double elements = 0;
  bool is_fp32 = false;    // whatever the products' dtype: norms and routers
  bool is_output = false;  // the output embedding, whose gradient is whole first
};

/// Weights of a model by who holds them, summed from the inventory once.
struct ModelSizes {
  explicit ModelSizes(const ModelConfig& config);

  std::vector<SharedWeight> shared_weights;  // in the inventory's order
  double shared = 0;                         // elements of them in the products' dtype
  double shared_fp32 = 0;                    // and of those always in fp32
  double embedding = 0;         // of shared: the input embedding, whose gradient is whole last
  double attention_expert = 0;  // elements of one, of one layer; 0 without attention experts
  double ffn_expert = 0;        // likewise; 0 in a dense model
};

}  // namespace bam
