#include "model/dispatch.h"

namespace bam {
namespace {

std::vector<Transfer> transfers(const std::vector<RowRange>& ranges, const Tensor& rows) {
  std::vector<Transfer> out;
  for (const RowRange& range : ranges) {
    out.push_back({range.peer, rows.slice(range.begin, range.end)});
  }
  return out;
}

// `row`: the outbox's first for this expert.
void add_outgoing(const Replicas& replicas, const Division& division, int rank, std::int64_t row,
                  DispatchPlan& plan) {
  for (const Replica& replica : replicas) {
    const ItemRange range = division.between(replicas, rank, replica.rank);
    if (replica.rank == rank) {
      plan.own.push_back({row + range.begin, row + range.end});
    } else {
      plan.outgoing.push_back({replica.rank, row + range.begin, row + range.end});
    }
  }
}

void add_incoming(const Replicas& replicas, const Division& division, int ranks, int rank,
                  DispatchPlan& plan) {
  const std::int64_t first = plan.arrival_count();
  std::int64_t arrival = first;
  for (int source = 0; source < ranks; ++source) {
    if (source != rank) {
      const std::int64_t end = arrival + division.between(replicas, source, rank).count();
      plan.incoming.push_back({source, arrival, end});
      arrival = end;
    }
  }
  plan.arrivals.push_back({first, arrival});
}

}  // namespace

DispatchPlan plan_dispatch(const std::vector<Replicas>& experts, int ranks, int rank,
                           std::span<const std::int32_t> counts) {
  DispatchPlan plan;
  std::int64_t row = 0;
  std::vector<std::int64_t> rows(static_cast<std::size_t>(ranks));  // for one expert, of each rank
  for (std::size_t e = 0; e < experts.size(); ++e) {
    for (std::size_t source = 0; source < rows.size(); ++source) {
      rows[source] = counts[source * experts.size() + e];
    }
    const Division division = divide(experts[e], rows);
    add_outgoing(experts[e], division, rank, row, plan);
    if (is_on(experts[e], rank)) {
      add_incoming(experts[e], division, ranks, rank, plan);
    }
    row += rows[static_cast<std::size_t>(rank)];
  }
  return plan;
}

Pending start_dispatch(Stream& stream, Exchange& exchange, const DispatchPlan& plan,
                       const Tensor& outbox, const Tensor& arrivals) {
  return exchange.start(stream, transfers(plan.outgoing, outbox),
                        transfers(plan.incoming, arrivals));
}

Pending start_combine(Stream& stream, Exchange& exchange, const DispatchPlan& plan,
                      const Tensor& answers, const Tensor& outbox) {
  return exchange.start(stream, transfers(plan.incoming, answers),
                        transfers(plan.outgoing, outbox));
}

}  // namespace bam
