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

}  // namespace

std::vector<int> experts_by_rank(const std::vector<int>& rank_of_expert, int ranks) {
  std::vector<int> order;
  for (int rank = 0; rank < ranks; ++rank) {
    const std::vector<int> held = experts_on(rank_of_expert, rank);
    order.insert(order.end(), held.begin(), held.end());
  }
  return order;
}

DispatchPlan plan_dispatch(const std::vector<int>& rank_of_expert, int ranks, int rank,
                           std::span<const std::int32_t> counts) {
  const auto experts = static_cast<std::int64_t>(rank_of_expert.size());
  DispatchPlan plan;
  std::int64_t row = 0;
  std::int64_t first_held = 0;  // place of this rank's first expert in outbox order
  std::int64_t place = 0;
  for (int peer = 0; peer < ranks; ++peer) {
    if (peer == rank) {
      first_held = place;
      plan.own_of_expert.push_back(row);
    }
    for (std::size_t e = 0; e < experts_on(rank_of_expert, peer).size(); ++e, ++place) {
      const std::int64_t end = row + counts[rank * experts + place];
      if (peer == rank) {
        plan.own_of_expert.push_back(end);
      } else {
        plan.outgoing.push_back({peer, row, end});
      }
      row = end;
    }
  }
  const auto held = static_cast<std::int64_t>(plan.own_of_expert.size()) - 1;
  std::int64_t arrival = 0;
  plan.arrivals_of_expert.push_back(0);
  for (std::int64_t e = 0; e < held; ++e) {
    for (int source = 0; source < ranks; ++source) {
      if (source != rank) {
        const std::int64_t end = arrival + counts[source * experts + first_held + e];
        plan.incoming.push_back({source, arrival, end});
        arrival = end;
      }
    }
    plan.arrivals_of_expert.push_back(arrival);
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
