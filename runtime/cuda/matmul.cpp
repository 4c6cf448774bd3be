#include "runtime/cuda/grouped_products.h"
#include "runtime/cuda/kernels.h"
#include "runtime/cuda/products.h"
#include "runtime/cuda/queue.h"

namespace bam::cuda {

void matmul(Stream& stream, const Operand& a, const Operand& b, const Tensor& c, Write write) {
  stream.queue().products().compute(stream, a, b, c, write);
}

void matmul_each(Stream& stream, std::span<const Product> products, Write write) {
  if (products.size() > 1 && stream.queue().grouped_products().compute(stream, products, write)) {
    return;
  }
  for (const Product& product : products) {
    cuda::matmul(stream, product.a, product.b, product.c, write);
  }
}

}  // namespace bam::cuda
