#include "model/division.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace bam {
namespace {

// Items that each copy is to do.
std::vector<std::int64_t> quotas(const Replicas& replicas, std::int64_t total) {
  std::vector<std::int64_t> quotas;
  double share = 0;
  std::int64_t before = 0;
  for (const Replica& replica : replicas) {
    share += replica.share;
    const bool is_last = &replica == &replicas.back();
    const std::int64_t end =
        is_last ? total
                : std::min<std::int64_t>(total, std::llround(share * static_cast<double>(total)));
    quotas.push_back(end - before);
    before = end;
  }
  return quotas;
}

// Moves as many items as both have from the rank to the copy.
void hand_over(std::int64_t& waiting, std::int64_t& room, std::int64_t& given) {
  const std::int64_t count = std::min(waiting, room);
  waiting -= count;
  room -= count;
  given += count;
}

std::vector<ItemRange> in_order(const std::vector<std::int64_t>& counts) {
  std::vector<ItemRange> ranges;
  std::int64_t begin = 0;
  for (const std::int64_t count : counts) {
    ranges.push_back({begin, begin + count});
    begin += count;
  }
  return ranges;
}

}  // namespace

ItemRange Division::between(const Replicas& replicas, int source, int holder) const {
  for (std::size_t copy = 0; copy < replicas.size(); ++copy) {
    if (replicas[copy].rank == holder) {
      return of_rank[static_cast<std::size_t>(source)][copy];
    }
  }
  return {};
}

Division divide(const Replicas& replicas, std::span<const std::int64_t> items) {
  std::vector<std::int64_t> room =
      quotas(replicas, std::accumulate(items.begin(), items.end(), std::int64_t{0}));
  std::vector<std::int64_t> waiting(items.begin(), items.end());
  std::vector<std::vector<std::int64_t>> given(items.size(),
                                               std::vector<std::int64_t>(replicas.size()));
  for (std::size_t copy = 0; copy < replicas.size(); ++copy) {
    const auto home = static_cast<std::size_t>(replicas[copy].rank);
    hand_over(waiting[home], room[copy], given[home][copy]);
  }
  Division division;
  for (std::size_t rank = 0; rank < items.size(); ++rank) {
    for (std::size_t copy = 0; copy < replicas.size(); ++copy) {
      hand_over(waiting[rank], room[copy], given[rank][copy]);
    }
    division.of_rank.push_back(in_order(given[rank]));
  }
  return division;
}

}  // namespace bam
