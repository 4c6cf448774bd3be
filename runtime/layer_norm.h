#pragma once

#include "runtime/tensor.h"

namespace bam {

/// h = (x - mean) / sqrt(variance + epsilon) * weight, row by row (no bias).
/// x (n, d) fp32; weight (d) fp32; h (n, d) fp32 or bf16; statistics (n, 2) fp32 receives each row's
/// mean and 1 / sqrt(variance + epsilon).
void layer_norm(Stream& stream, const Tensor& x, const Tensor& weight, double epsilon,
                const Tensor& h, const Tensor& statistics);

/// dx (n, d) fp32 += gradient through the norm; weight_gradient (d) fp32 += its weight's, unless it is
/// empty (a frozen weight). dh (n, d) fp32 or bf16. The weight's sum runs over rows in a fixed order
/// whatever the threads. `low` (n, d) bf16, unless it is empty, receives the new dx once more, for
/// products.
void layer_norm_backward(Stream& stream, const Tensor& x, const Tensor& weight,
                         const Tensor& statistics, const Tensor& dh, const Tensor& dx,
                         const Tensor& weight_gradient, const Tensor& low = {});

}  // namespace bam
