#pragma once

#include "runtime/tensor.h"

namespace bam {

/// x[i] = table[tokens[i]]. tokens (n) int32 in [0, vocabulary); table (vocabulary, d) fp32 or bf16;
/// x (n, d) fp32. Throws Error naming a token that is out of range.
void embedding(Stream& stream, const Tensor& tokens, const Tensor& table, const Tensor& x);

/// table_gradient[tokens[i]] += dx[i], in the order of i whatever the threads. fp32.
void embedding_backward(Stream& stream, const Tensor& tokens, const Tensor& dx,
                        const Tensor& table_gradient);

}  // namespace bam
