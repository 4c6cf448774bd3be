#pragma once

#include <vector>

#include "runtime/tensor.h"

namespace bam {

/// Which sequences of a micro-batch a rank has; those of its expert-parallel group's ranks come one
/// rank after the other.
struct BatchShare {
  std::int64_t first = 0;  // of this rank's
  std::int64_t count = 0;
  std::int64_t group_first = 0;              // of the group's
  std::vector<std::int64_t> rank_sequences;  // (ranks of the group): how many each has
};

/// This rank's part of a micro-batch: whole sequences of tokens. n = sequences * length.
struct Batch {
  std::int64_t sequences = 0;
  std::int64_t length = 0;
  Tensor tokens;             // (n) int32
  Tensor targets;            // (n) int32: the next token, or kNotScored
  Tensor document_starts;    // (n) int32: first row of the batch a query at this row may look at
  std::vector<int> domains;  // (sequences): which domain each was drawn from
  std::vector<std::int64_t>
      rank_sequences;  // (ranks of the expert-parallel group): sequences of each
  // (ranks of the group): documents in each one's sequences, as AttentionShape has it; empty: not
  // known.
  std::vector<std::int64_t> rank_documents;

  std::int64_t rows() const { return sequences * length; }
};

}  // namespace bam
