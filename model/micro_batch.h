#pragma once

#include <vector>

#include "model/batch.h"
#include "model/config.h"
#include "model/exchange.h"
#include "runtime/attention.h"

namespace bam {

/// What attention must know of some whole sequences. n = sequences * length rows.
struct SequenceRows {
  AttentionShape shape;
  Tensor positions;        // (n) int32: place within the sequence
  Tensor rows;             // (n) int32: 0, 1, ... n - 1
  Tensor document_starts;  // (n) int32: first row that a query here may look at

  std::int64_t count() const { return shape.keys(); }
};

/// One step around the ring of expert-parallel ranks: whose sequences this rank attends to, and which
/// of its own rows another rank attends to meanwhile.
///
///     step i of rank r:   theirs: a piece of rank r + i      lent: the same piece of r, to r - i
struct RingStep {
  int source;
  SequenceRows theirs;
  int borrower;
  std::int64_t lent_begin;  // own rows [lent_begin, lent_end)
  std::int64_t lent_end;
};

/// A micro-batch on this rank, and its path around the ring (no steps on a lone rank, or without
/// attention experts).
struct MicroBatch {
  const Batch* batch;
  SequenceRows own;
  std::vector<RingStep> ring;
};

/// Cuts every rank's sequences into `slices_per_peer` pieces and tells each rank the others' document
/// edges. `batch` outlives the result.
MicroBatch lay_out(Stream& stream, const ModelConfig& config, const Batch& batch,
                   Exchange& exchange, int slices_per_peer);

}  // namespace bam
