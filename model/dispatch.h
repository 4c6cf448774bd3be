#pragma once

#include <span>
#include <vector>

#include "model/division.h"
#include "model/exchange.h"

namespace bam {

/// Consecutive rows that travel between this rank and another.
struct RowRange {
  int peer;
  std::int64_t begin;
  std::int64_t end;
};

/// Which rows go to which rank, and where arrivals are put: by expert, within an expert by rank.
///
///     outbox (n * k rows)    by expert, then by copy:  | e0: rank 0 | e1: rank 1, rank 3 | ...
///     arrivals               by expert, then source:   | e1: from 0, 2, .. | e3: from 0, 2, .. |
///
/// The rows that this rank's own copies serve stay in the outbox.
struct DispatchPlan {
  std::vector<RowRange> outgoing;   // ranges of the outbox
  std::vector<RowRange> incoming;   // ranges of the arrivals
  std::vector<ItemRange> arrivals;  // (held) of the arrivals: each held expert's
  std::vector<ItemRange> own;       // (held) of the outbox: each held expert's own rows

  std::int64_t arrival_count() const { return arrivals.empty() ? 0 : arrivals.back().end; }
};

/// counts (ranks, experts): rows of each rank for each expert. Copies of an expert share its rows
/// as `divide` says.
DispatchPlan plan_dispatch(const std::vector<Replicas>& experts, int ranks, int rank,
                           std::span<const std::int32_t> counts);

/// BEFORE: outbox holds this rank's rows.  AFTER: arrivals holds other ranks' rows for its experts.
[[nodiscard]] Pending start_dispatch(Stream& stream, Exchange& exchange, const DispatchPlan& plan,
                                     const Tensor& outbox, const Tensor& arrivals);
/// The way back. BEFORE: answers to arrivals.  AFTER: answers at the places of the outbox's rows.
[[nodiscard]] Pending start_combine(Stream& stream, Exchange& exchange, const DispatchPlan& plan,
                                    const Tensor& answers, const Tensor& outbox);

}  // namespace bam
