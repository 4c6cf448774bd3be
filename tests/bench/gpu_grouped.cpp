#include "tests/bench/gpu_grouped.h"

#include "runtime/cuda/grouped_products.h"
#include "runtime/cuda/queue.h"

namespace bam {

bool multiply_together(Stream& stream, std::span<const Product> products) {
  return stream.device() == DeviceKind::kCuda &&
         stream.queue().grouped_products().compute(stream, products, Write::kReplace);
}

}  // namespace bam
