#pragma once

#include <vector>

#include "runtime/tensor.h"

namespace bam {

/// This rank's part of a micro-batch: whole sequences of tokens. n = sequences * length.
struct Batch {
  std::int64_t sequences = 0;
  std::int64_t length = 0;
  Tensor tokens;           // (n) int32
  Tensor targets;          // (n) int32: the next token, or kNotScored
  Tensor document_starts;  // (n) int32: first row of the batch a query at this row may look at
  std::vector<int> domains;               // (sequences): which domain each was drawn from
  std::vector<std::int64_t> rank_sequences;  // (ranks of the expert-parallel group): sequences of each

  std::int64_t rows() const { return sequences * length; }
};

}  // namespace bam
