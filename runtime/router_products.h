#pragma once

#include "runtime/tensor.h"

namespace bam {

// Products with a router's weight (experts, d) fp32: few experts, so that rows are read as they
// are. h (n, d) fp32 or bf16; products and sums are fp32, each sum in a fixed order.

/// logits (n, experts) fp32 = h W^T.
void router_logits(Stream& stream, const Tensor& h, const Tensor& weight, const Tensor& logits);

/// dh (n, d) fp32 += d_logits W. d_logits (n, experts) fp32.
void router_input_gradient(Stream& stream, const Tensor& d_logits, const Tensor& weight,
                           const Tensor& dh);

/// weight_gradient (experts, d) fp32 += d_logits^T h, unless it is empty (a frozen weight).
void router_weight_gradient(Stream& stream, const Tensor& d_logits, const Tensor& h,
                            const Tensor& weight_gradient);

}  // namespace bam
