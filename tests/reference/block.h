#pragma once

#include "tests/reference/config.h"
#include "tests/reference/matrix.h"
#include "tests/reference/router.h"

namespace bam::reference {

/// What a layer's routers do with h (n, d_model); absent where there is none.
std::optional<Routing> attention_routing(const Config& config, const Weights& w, int layer,
                                         const Matrix& h);
std::optional<Routing> ffn_routing(const Config& config, const Weights& w, int layer,
                                   const Matrix& h);

/// sum_j g_j MHA_j(h): every expert sees every row, and a gate may be 0. Or the one MHA(h).
Matrix attention_layer(const Config& config, const Batch& batch, const Weights& w, int layer,
                       const Matrix& h);
/// sum_i g_i FFN_i(h), likewise. Or the one FFN(h).
Matrix ffn_layer(const Config& config, const Weights& w, int layer, const Matrix& h);
/// y = x + attention(h) + ffn(h), h = LayerNorm(x). x (n, d_model).
Matrix block(const Config& config, const Batch& batch, const Weights& w, int layer,
             const Matrix& x);

/// Gradients of loss(y) + the layer's auxiliary losses. Return that of h, or x; dw += the weights'.
Matrix attention_layer_backward(const Config& config, const Batch& batch, const Weights& w,
                                int layer, const Matrix& h, const Matrix& dy, Weights& dw);
Matrix ffn_layer_backward(const Config& config, const Weights& w, int layer, const Matrix& h,
                          const Matrix& dy, Weights& dw);
Matrix block_backward(const Config& config, const Batch& batch, const Weights& w, int layer,
                      const Matrix& x, const Matrix& dy, Weights& dw);

}  // namespace bam::reference
