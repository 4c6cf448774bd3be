#pragma once

#include <optional>
#include <vector>

#include "model/batch.h"
#include "model/config.h"
#include "model/exchange.h"
#include "model/expert_capacity.h"
#include "model/placement.h"
#include "runtime/attention.h"

namespace bam {

/// n rows, and the whole sequences of keys that attention lets them look at. In training the keys
/// are the rows' own; in generation the n rows are the newest of one sequence.
struct SequenceRows {
  AttentionShape shape;    // of the keys
  Tensor positions;        // (n) int32: place within the sequence
  Tensor rows;             // (n) int32: key row each row stands at
  Tensor document_starts;  // (keys) int32: first key row that a query there may look at

  std::int64_t count() const { return rows.rows(); }
};

/// Some sequences, and those of a rank's attention experts that attend to them.
struct AttentionPart {
  SequenceRows sequences;
  std::vector<int> experts;  // ascending
};

/// Own rows [begin, end) that this rank's own experts attend to.
struct OwnPart {
  std::int64_t begin;
  std::int64_t end;
  AttentionPart part;
};

/// One step around the ring of expert-parallel ranks: whose sequences this rank attends to, and
/// which of its own rows another rank attends to meanwhile. Either may be missing.
///
///     step i of rank r:   theirs: a part of rank r + d      lent: a part of r, to r - d
struct RingStep {
  struct Theirs {
    int source;
    AttentionPart part;
  };
  struct Lent {
    int borrower;
    std::int64_t begin;  // own rows [begin, end)
    std::int64_t end;
    std::vector<int> experts;  // of the borrower: those that attend to them
  };
  std::optional<Theirs> theirs;
  std::optional<Lent> lent;
};

/// How sequences reach the attention experts of one layer: every sequence meets each expert once,
/// at one of its copies. No steps on a lone rank, or without attention experts.
struct AttentionRoute {
  std::vector<OwnPart> own;
  std::vector<RingStep> ring;  // as many on every rank of the group
};

/// A micro-batch on this rank. Layers whose attention experts are placed alike share a route.
struct MicroBatch {
  std::vector<AttentionRoute> routes;
  std::vector<std::size_t> route_of_layer;
  ExpertCapacity capacity;  // of FFN experts; whoever lays out leaves it empty

  const AttentionRoute& route(int layer) const {
    return routes[route_of_layer[static_cast<std::size_t>(layer)]];
  }
};

/// Tells each rank the others' document edges, and cuts what a rank lends another into
/// `slices_per_peer` parts. An expert's copies share the sequences as `divide` says.
MicroBatch lay_out(Stream& stream, const ModelConfig& config, const Batch& batch,
                   const Placement& placement, Exchange& exchange, int slices_per_peer);

/// The next `count` rows of one sequence of which `seen` rows are cached. Documents are not told
/// apart: what is generated is one.
MicroBatch lay_out_next(Stream& stream, const ModelConfig& config, std::int64_t seen,
                        std::int64_t count);

}  // namespace bam
