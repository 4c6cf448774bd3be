#include "parallel/layout.h"

#include <algorithm>

#include "runtime/check.h"

namespace bam {
namespace {

int checked(int expert_parallel, int ranks) {
  const int size = expert_parallel == 0 ? ranks : expert_parallel;
  check_input(size > 0 && ranks % size == 0, "parallel.expert_parallel: ", expert_parallel,
              " does not divide the ", ranks, " ranks");
  return size;
}

}  // namespace

std::int64_t dealt_to(int rank, int ranks, std::int64_t total) {
  return total / ranks + (rank < total % ranks ? 1 : 0);
}

std::int64_t first_dealt_to(int rank, int ranks, std::int64_t total) {
  return total / ranks * rank + std::min<std::int64_t>(rank, total % ranks);
}

Layout::Layout(const Communicator& world, int expert_parallel)
    : rank_(world.rank()),
      ranks_(world.size()),
      expert_group_(world.split(rank_ / checked(expert_parallel, ranks_), rank_, "expert group")),
      data_group_(world.split(rank_ % checked(expert_parallel, ranks_), rank_, "data group")) {}

std::int64_t Layout::sequences(std::int64_t total) const { return dealt_to(rank_, ranks_, total); }

std::int64_t Layout::first_sequence(std::int64_t total) const {
  return first_dealt_to(rank_, ranks_, total);
}

std::vector<std::int64_t> Layout::group_sequences(std::int64_t total) const {
  const int first = rank_ / expert_parallel() * expert_parallel();
  std::vector<std::int64_t> sequences;
  for (int rank = first; rank < first + expert_parallel(); ++rank) {
    sequences.push_back(dealt_to(rank, ranks_, total));
  }
  return sequences;
}

BatchShare Layout::share(std::int64_t total) const {
  const int group = rank_ / expert_parallel() * expert_parallel();
  return {.first = first_sequence(total),
          .count = sequences(total),
          .group_first = first_dealt_to(group, ranks_, total),
          .rank_sequences = group_sequences(total)};
}

}  // namespace bam
