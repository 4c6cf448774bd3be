#pragma once

#include <span>
#include <vector>

#include "model/exchange.h"
#include "model/placement.h"

namespace bam {

/// Consecutive rows that travel between this rank and another.
struct RowRange {
  int peer;
  std::int64_t begin;
  std::int64_t end;
};

/// Which rows go to which rank, and where arrivals are put: by expert, within an expert by rank.
///
///     outbox (n * k rows)    by rank, then expert:     | rank 0: e0 e2 | rank 1: e1 e3 | ...
///     arrivals               by expert, then source:   | e1: from 0, 2, .. | e3: from 0, 2, .. |
///
/// This rank's own rows stay in the outbox.
struct DispatchPlan {
  std::vector<RowRange> outgoing;               // ranges of the outbox
  std::vector<RowRange> incoming;               // ranges of the arrivals
  std::vector<std::int64_t> arrivals_of_expert; // (held + 1) first arrival of each held expert
  std::vector<std::int64_t> own_of_expert;      // (held + 1) first outbox row of each held expert

  std::int64_t arrivals() const { return arrivals_of_expert.back(); }
};

/// The experts in the outbox's order: those of rank 0, of rank 1, ...
std::vector<int> experts_by_rank(const std::vector<int>& rank_of_expert, int ranks);

/// counts (ranks, experts): rows of each rank for each expert, experts in outbox order.
DispatchPlan plan_dispatch(const std::vector<int>& rank_of_expert, int ranks, int rank,
                           std::span<const std::int32_t> counts);

/// BEFORE: outbox holds this rank's rows.  AFTER: arrivals holds other ranks' rows for its experts.
[[nodiscard]] Pending start_dispatch(Stream& stream, Exchange& exchange, const DispatchPlan& plan,
                                     const Tensor& outbox, const Tensor& arrivals);
/// The way back. BEFORE: answers to arrivals.  AFTER: answers at the places of the outbox's rows.
[[nodiscard]] Pending start_combine(Stream& stream, Exchange& exchange, const DispatchPlan& plan,
                                    const Tensor& answers, const Tensor& outbox);

}  // namespace bam
