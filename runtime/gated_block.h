#pragma once

#include "runtime/tensor.h"

namespace bam {

/// One expert's outputs among those of experts computed side by side, and its gates among all.
struct GatedBlock {
  Tensor outputs;       // (n, blocks * d), fp32 or bf16
  std::int64_t d;       // columns of a block
  std::int64_t block;   // columns [block * d, (block + 1) * d)
  Tensor gates;         // (n, experts) fp32
  std::int64_t expert;  // the gates' column

  /// The block's first column in rows of it alone (n, d), or of all blocks (n, blocks * d).
  std::int64_t first_in(const Tensor& rows) const { return rows.cols() == d ? 0 : block * d; }
};

/// weighted = each row's gate times the block's row: (n, d), or the block's columns of
/// (n, blocks * d). Of the outputs' dtype.
void weigh(Stream& stream, const GatedBlock& from, const Tensor& weighted);

/// From the gradient u of `weighted`, both as weigh has it, in one pass: weighted once more;
/// d_gates[:, expert] += row-wise <u, the block>, d_gates (n, experts) fp32; d_outputs' block =
/// each row's gate times u, d_outputs (n, blocks * d). All others of the outputs' dtype.
void weigh_backward(Stream& stream, const GatedBlock& from, const Tensor& u, const Tensor& weighted,
                    const Tensor& d_gates, const Tensor& d_outputs);

}  // namespace bam
