#pragma once

#include "runtime/tensor.h"

namespace bam {

/// One expert's outputs among those of experts computed side by side, and its gates among all.
struct GatedBlock {
  Tensor outputs;       // (n, blocks * d), fp32 or bf16
  std::int64_t block;   // columns [block * d, (block + 1) * d)
  Tensor gates;         // (n, experts) fp32
  std::int64_t expert;  // the gates' column
};

/// weighted (n, d) = each row's gate times the block's row. Of the outputs' dtype.
void weigh(Stream& stream, const GatedBlock& from, const Tensor& weighted);

/// From the gradient u of `weighted` (n, d), in one pass: weighted as weigh makes it;
/// d_gates[:, expert] += row-wise <u, the block>, d_gates (n, experts) fp32; d_outputs' block =
/// each row's gate times u, d_outputs (n, blocks * d). All others of the outputs' dtype.
void weigh_backward(Stream& stream, const GatedBlock& from, const Tensor& u, const Tensor& weighted,
                    const Tensor& d_gates, const Tensor& d_outputs);

}  // namespace bam
