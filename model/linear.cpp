#include "model/linear.h"

#include "runtime/elementwise.h"

namespace bam {
namespace {

Tensor linear(Stream& stream, const Tensor& x, const Tensor& weight) {
  Tensor y(stream, {x.rows(), weight.rows()}, x.dtype());
  matmul(stream, x, transposed(weight), y);
  return y;
}

}  // namespace

Tensor linear(Stream& stream, const Tensor& x, const Parameter& weight) {
  return linear(stream, x, weight.value);
}

Tensor linear(Stream& stream, const Tensor& x, const WeightStack& weights) {
  return linear(stream, x, weights.value());
}

void add_linear(Stream& stream, const Tensor& x, const Parameter& weight, const Tensor& sum) {
  matmul(stream, x, transposed(weight.value), sum, Write::kAdd);
}

Tensor linear_input_gradient(Stream& stream, const Tensor& dy, const Parameter& weight) {
  Tensor dx(stream, {dy.rows(), weight.value.cols()}, dy.dtype());
  matmul(stream, dy, weight.value, dx);
  return dx;
}

void add_linear_input_gradient(Stream& stream, const Tensor& dy, const Parameter& weight,
                               const Tensor& dx) {
  matmul(stream, dy, weight.value, dx, Write::kAdd);
}

void add_linear_input_gradient(Stream& stream, const Tensor& dy, const WeightStack& weights,
                               const Tensor& dx) {
  matmul(stream, dy, weights.value(), dx, Write::kAdd);
}

void add_linear_weight_gradient(Stream& stream, const Tensor& dy, const Tensor& x,
                                const Parameter& weight) {
  add_linear_weight_gradient(stream, dy, x, WeightStack({&weight}));
}

void add_linear_weight_gradient(Stream& stream, const Tensor& dy, const Tensor& x,
                                const WeightStack& weights) {
  if (!weights.gradient().empty() && x.rows() > 0) {
    const Write write = weights.write_gradient(stream);
    matmul(stream, transposed(dy), x, weights.gradient(), write);
  }
}

Tensor zeros(Stream& stream, const Shape& shape) {
  Tensor out(stream, shape, DType::kFloat32);
  fill_zero(stream, out);
  return out;
}

Tensor as_dtype(Stream& stream, const Tensor& values, DType dtype) {
  if (values.dtype() == dtype) {
    return values;
  }
  Tensor converted(stream, values.shape(), dtype);
  copy(stream, values, converted);
  return converted;
}

}  // namespace bam
