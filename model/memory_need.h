#pragma once

#include <vector>

#include "model/config.h"
#include "model/parameter_store.h"
#include "model/placement.h"

namespace bam {

/// Rows whose logits, of this dtype, exist at once: enough to keep products efficient, and no more.
/// A CPU has 512; a GPU 8,192, or as many as fill 2 GiB.
std::int64_t logit_rows(DeviceKind device, std::int64_t vocabulary, DType dtype);

/// What one rank computes in a micro-step.
struct RankRows {
  std::int64_t own = 0;        // rows (positions) of its own sequences
  std::int64_t group = 0;      // rows of its whole expert-parallel group
  int copies = 1;              // ranks that share the optimiser state of a weight that all hold
  double capacity_factor = 0;  // of FFN experts (model/expert_capacity.h)
};

/// A copy of an FFN expert.
struct ExpertPart {
  double load = 0;   // part of all FFN rows that are the expert's
  double share = 1;  // of them, the copy's
};

/// What a rank holds of one layer.
struct LayerHolding {
  std::vector<double> attention;  // share of each copy of an attention expert
  std::vector<ExpertPart> ffn;
};

/// Bytes that backward needs of one layer; of a dense model whatever the holding.
double layer_activations(const ModelConfig& config, const LayerHolding& holding,
                         const RankRows& rows, Precision precision);
/// Bytes of a norm's input (fp32), statistics and output.
double norm_activations(double rows, std::int64_t d_model, Precision precision);

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

/// FFN rows are taken as balanced over the experts, and each copy's work as its share. Optimiser
/// state is shared by an expert's copies in the group; data-parallel copies are not counted apart.
MemoryNeed memory_need(const ModelConfig& config, const Placement& placement, int rank,
                       const RankRows& rows, Precision precision,
                       Snapshots snapshots = Snapshots::kNone);

}  // namespace bam
