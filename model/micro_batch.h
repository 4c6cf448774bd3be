#pragma once

#include <vector>

#include "model/batch.h"
#include "model/config.h"
#include "model/exchange.h"
#include "runtime/attention.h"

namespace bam {

/// n rows, and the whole sequences of keys that attention lets them look at. In training the keys are
/// the rows' own; in generation the n rows are the newest of one sequence.
struct SequenceRows {
  AttentionShape shape;    // of the keys
  Tensor positions;        // (n) int32: place within the sequence
  Tensor rows;             // (n) int32: key row each row stands at
  Tensor document_starts;  // (keys) int32: first key row that a query there may look at

  std::int64_t count() const { return rows.rows(); }
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
  SequenceRows own;
  std::vector<RingStep> ring;
};

/// Cuts every rank's sequences into `slices_per_peer` pieces and tells each rank the others' document
/// edges.
MicroBatch lay_out(Stream& stream, const ModelConfig& config, const Batch& batch,
                   Exchange& exchange, int slices_per_peer);

/// The next `count` rows of one sequence of which `seen` rows are cached. Documents are not told
/// apart: what is generated is one.
MicroBatch lay_out_next(Stream& stream, const ModelConfig& config, std::int64_t seen,
                        std::int64_t count);

}  // namespace bam
