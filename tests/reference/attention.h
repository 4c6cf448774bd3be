#pragma once

#include "tests/reference/config.h"
#include "tests/reference/matrix.h"

namespace bam::reference {

/// Turns the pairs (2i, 2i + 1) of every head by direction * position * theta^(-2i / head_dim),
/// where a row's position is its place in its sequence. direction -1 undoes +1, and is its
/// gradient. x (n, any number of heads * head_dim).
Matrix rotated(const Config& config, const Batch& batch, const Matrix& x, double direction);

/// Row i of head a: softmax over the rows s = starts[i] ... i of <q_i, k_s> / sqrt(head_dim), times
/// v_s. q (n, heads * head_dim); k, v (n, kv_heads * head_dim): heads / kv_heads heads share one.
Matrix attend(const Config& config, const Batch& batch, const Matrix& q, const Matrix& k,
              const Matrix& v);
struct AttendGradient {
  Matrix q;
  Matrix k;
  Matrix v;
};
AttendGradient attend_backward(const Config& config, const Batch& batch, const Matrix& q,
                               const Matrix& k, const Matrix& v, const Matrix& d_out);

/// MHA(h): Wq and Wo named by `own`, Wk and Wv by `kv`. h (n, d_model).
Matrix multi_head_attention(const Config& config, const Batch& batch, const Weights& w,
                            const Names& own, const Names& kv, const Matrix& h);
/// Returns dh; dw += the weights' gradients.
Matrix multi_head_attention_backward(const Config& config, const Batch& batch, const Weights& w,
                                     const Names& own, const Names& kv, const Matrix& h,
                                     const Matrix& dy, Weights& dw);

}  // namespace bam::reference
