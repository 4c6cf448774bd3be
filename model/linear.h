#pragma once

#include "model/parameter_store.h"
#include "model/weight_stack.h"
#include "runtime/matmul.h"

namespace bam {

/// x (n, in) W^T: a new (n, out) tensor of x's dtype. weight.value (out, in).
Tensor linear(Stream& stream, const Tensor& x, const Parameter& weight);
Tensor linear(Stream& stream, const Tensor& x, const WeightStack& weights);

/// sum (n, out) fp32 += x W^T.
void add_linear(Stream& stream, const Tensor& x, const Parameter& weight, const Tensor& sum);

/// dy (n, out) W: a new (n, in) tensor of dy's dtype.
Tensor linear_input_gradient(Stream& stream, const Tensor& dy, const Parameter& weight);

/// dx (n, in) fp32 += dy W.
void add_linear_input_gradient(Stream& stream, const Tensor& dy, const Parameter& weight,
                               const Tensor& dx);
void add_linear_input_gradient(Stream& stream, const Tensor& dy, const WeightStack& weights,
                               const Tensor& dx);

/// weight.gradient += dy^T x, unless the weight is frozen.
void add_linear_weight_gradient(Stream& stream, const Tensor& dy, const Tensor& x,
                                const Parameter& weight);
void add_linear_weight_gradient(Stream& stream, const Tensor& dy, const Tensor& x,
                                const WeightStack& weights);

/// A new fp32 tensor of zeros, to add to.
Tensor zeros(Stream& stream, const Shape& shape);

/// `values` in another dtype; the tensor itself where it has that dtype already.
Tensor as_dtype(Stream& stream, const Tensor& values, DType dtype);

}  // namespace bam
