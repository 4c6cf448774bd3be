#include "model/linear.h"

#include "runtime/elementwise.h"

namespace bam {

Tensor linear(Stream& stream, const Tensor& x, const Parameter& weight) {
  Tensor y(stream, {x.rows(), weight.value.rows()}, x.dtype());
  matmul(stream, x, transposed(weight.value), y);
  return y;
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

void add_linear_weight_gradient(Stream& stream, const Tensor& dy, const Tensor& x,
                                const Parameter& weight) {
  if (!weight.gradient.empty()) {
    matmul(stream, transposed(dy), x, weight.gradient, Write::kAdd);
  }
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
