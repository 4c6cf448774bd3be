#include "runtime/cuda/grouped_products.h"
#include "runtime/cuda/kernels.h"
#include "runtime/cuda/products.h"
#include "runtime/cuda/queue.h"

namespace bam::cuda {
namespace {

// Operations of a product above which it is better alone: it takes longer than what launching it
// costs, and cuBLAS's kernels for groups are slower than those for one product. Others measured 85
// against 130 TFLOP/s on an H100, 128 products of 3.2e9 operations (tgale96/grouped_gemm, 37).
constexpr double kMostTogether = 1e9;

double operations_of(const Product& product) {
  const Tensor& a = product.a.matrix;
  return 2.0 * static_cast<double>(a.elements()) * static_cast<double>(product.c.cols());
}

bool are_small(std::span<const Product> products) {
  double sum = 0;
  for (const Product& product : products) {
    sum += operations_of(product);
  }
  return sum < kMostTogether * static_cast<double>(products.size());
}

}  // namespace

void matmul(Stream& stream, const Operand& a, const Operand& b, const Tensor& c, Write write) {
  stream.queue().products().compute(stream, a, b, c, write);
}

void matmul_plus(Stream& stream, const Operand& a, const Operand& b, const Tensor& addend,
                 const Tensor& sum) {
  stream.queue().products().compute_plus(stream, a, b, addend, sum);
}

void matmul_each(Stream& stream, std::span<const Product> products, Write write) {
  if (products.size() > 1 && are_small(products) &&
      stream.queue().grouped_products().compute(stream, products, write)) {
    return;
  }
  for (const Product& product : products) {
    cuda::matmul(stream, product.a, product.b, product.c, write);
  }
}

}  // namespace bam::cuda
