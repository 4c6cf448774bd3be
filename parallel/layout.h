#pragma once

#include <cstdint>
#include <vector>

#include "model/batch.h"
#include "parallel/communicator.h"

namespace bam {

/// How `total` sequences are dealt to `ranks` ranks: the first total % ranks get one more.
std::int64_t dealt_to(int rank, int ranks, std::int64_t total);
/// The first of them.
std::int64_t first_dealt_to(int rank, int ranks, std::int64_t total);

/// World = data-parallel groups x expert-parallel groups. Ranks of one expert-parallel group are
/// consecutive; a data-parallel group holds the same place of each.
///
///     world 0 1 2 3, expert_parallel 2:   expert groups {0 1} {2 3}   data groups {0 2} {1 3}
class Layout {
 public:
  /// expert_parallel 0: all ranks. Throws BadInput unless it divides the number of ranks.
  Layout(const Communicator& world, int expert_parallel);

  Communicator& expert_group() { return expert_group_; }
  Communicator& data_group() { return data_group_; }
  int expert_parallel() const { return expert_group_.size(); }

  /// This rank's part of a micro-batch of `total` sequences, dealt over the world.
  std::int64_t sequences(std::int64_t total) const;
  std::int64_t first_sequence(std::int64_t total) const;
  /// Those of every rank of this rank's expert-parallel group.
  std::vector<std::int64_t> group_sequences(std::int64_t total) const;
  /// All of these.
  BatchShare share(std::int64_t total) const;

 private:
  int rank_;
  int ranks_;
  Communicator expert_group_;
  Communicator data_group_;
};

}  // namespace bam
