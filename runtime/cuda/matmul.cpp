#include "runtime/cuda/kernels.h"
#include "runtime/cuda/products.h"
#include "runtime/cuda/queue.h"

namespace bam::cuda {

void matmul(Stream& stream, const Operand& a, const Operand& b, const Tensor& c, Write write) {
  stream.queue().products().compute(stream, a, b, c, write);
}

}  // namespace bam::cuda
