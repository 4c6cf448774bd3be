#pragma once

#include "runtime/matmul.h"

namespace bam {

/// Parts of one shape (n, d), one below the other or side by side:
///
///     stacked (parts * n, d)    row p * n + r
///     wide (n, parts * d)       row r, from column p * d on
///
/// Side by side, a sum of products is one product: x1 W1^T + x2 W2^T = [x1 x2] [W1 W2]^T.

/// wide = stacked. Of one dtype, fp32 or bf16.
void put_side_by_side(Stream& stream, const Tensor& stacked, const Tensor& wide);
/// stacked = wide, or += wide. Both fp32.
void stack_parts(Stream& stream, const Tensor& wide, const Tensor& stacked, Write write);

}  // namespace bam
