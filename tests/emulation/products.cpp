// Stands in for cuBLASLt: plain loops, sums in fp32.
#include "runtime/check.h"
#include "runtime/cuda/products.h"
#include "runtime/dispatch.h"

namespace bam::cuda {
namespace {

template <class T>
float element(const Operand& operand, std::int64_t row, std::int64_t col) {
  const std::int64_t cols = operand.matrix.cols();
  const auto* elements = reinterpret_cast<const T*>(operand.matrix.raw());
  return static_cast<float>(elements[operand.is_transposed ? col * cols + row : row * cols + col]);
}

template <class T>
float product(const Operand& a, const Operand& b, std::int64_t row, std::int64_t col) {
  const std::int64_t depth = a.is_transposed ? a.matrix.rows() : a.matrix.cols();
  float sum = 0;
  for (std::int64_t i = 0; i < depth; ++i) {
    sum += element<T>(a, row, i) * element<T>(b, i, col);
  }
  return sum;
}

}  // namespace

class Products::Library {};

Products::Products() = default;
Products::~Products() = default;

void Products::compute(Stream& /*stream*/, const Operand& a, const Operand& b, const Tensor& c,
                       Write write) {
  for (const Tensor* tensor : {&a.matrix, &b.matrix, &c}) {
    check(tensor->device() == DeviceKind::kCuda, "a product of the GPU with a tensor on the host");
  }
  with_float_type(a.matrix.dtype(), [&]<class T>(T) {
    with_float_type(c.dtype(), [&]<class Out>(Out) {
      auto* out = reinterpret_cast<Out*>(c.raw());
      for (std::int64_t i = 0; i < c.elements(); ++i) {
        const float sum = product<T>(a, b, i / c.cols(), i % c.cols());
        out[i] = static_cast<Out>(write == Write::kAdd ? static_cast<float>(out[i]) + sum : sum);
      }
    });
  });
}

}  // namespace bam::cuda
