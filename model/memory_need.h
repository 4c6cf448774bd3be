#pragma once

#include "model/config.h"
#include "model/parameter_store.h"
#include "model/placement.h"

namespace bam {

/// What one rank computes in a micro-step.
struct RankRows {
  std::int64_t own = 0;    // rows (positions) of its own sequences
  std::int64_t group = 0;  // rows of its whole expert-parallel group
  int copies = 1;          // ranks that share the optimiser state of a weight that all hold
};

/// Bytes that one rank must keep for a training step, computed from shapes alone.
struct MemoryNeed {
  double weights = 0;      // in the precision of the products
  double gradients = 0;    // fp32
  double optimizer = 0;    // two moments, and fp32 masters beside bf16 weights
  double activations = 0;  // what backward needs, nothing recomputed
  double snapshot =
      0;  // fp32 copies of weights and moments, where checkpoints are written meanwhile

  double total() const { return weights + gradients + optimizer + activations + snapshot; }
};

/// Whether training goes on while its checkpoints are written.
enum class Snapshots { kNone, kInBackground };

/// FFN rows are taken as balanced over the experts, and each copy's work as its share. Optimiser state is
/// shared by an expert's copies in the group; data-parallel copies are not counted apart.
MemoryNeed memory_need(const ModelConfig& config, const Placement& placement, int rank,
                       const RankRows& rows, Precision precision,
                       Snapshots snapshots = Snapshots::kNone);

}  // namespace bam
