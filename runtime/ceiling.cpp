#include "runtime/ceiling.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "runtime/elementwise.h"
#include "runtime/matmul.h"

namespace bam {
namespace {

struct ProductShape {
  std::int64_t m;
  std::int64_t k;
  std::int64_t n;
};

double rate_of(Stream& stream, DType dtype, ProductShape shape, int repeats) {
  const Tensor a(stream, {shape.m, shape.k}, dtype);
  const Tensor b(stream, {shape.n, shape.k}, dtype);
  const Tensor c(stream, {shape.m, shape.n}, dtype);
  fill_zero(stream, a);
  fill_zero(stream, b);
  double best = 0;
  for (int i = 0; i < repeats + 1; ++i) {
    const auto start = std::chrono::steady_clock::now();
    matmul(stream, a, transposed(b), c);
    stream.synchronise();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::max(best, 2.0 * static_cast<double>(shape.m * shape.k * shape.n) / seconds.count());
  }
  return best;
}

}  // namespace

double measure_ceiling(Stream& stream, DType dtype, CeilingEffort effort) {
  const std::vector<ProductShape> quick = {{1024, 512, 512}, {2048, 128, 512}, {1024, 1024, 1024}};
  const std::vector<ProductShape> thorough = {
      {1024, 512, 512},  {2048, 128, 512},  {1024, 1024, 1024}, {4096, 512, 512},
      {4096, 512, 2048}, {4096, 2048, 512}, {2048, 2048, 2048}};
  const std::vector<ProductShape> on_gpu = {{4096, 4096, 4096}, {8192, 8192, 8192}};
  const bool is_quick = effort == CeilingEffort::kQuick;
  const std::vector<ProductShape>& on_cpu = is_quick ? quick : thorough;
  double best = 0;
  for (const ProductShape& shape : stream.device() == DeviceKind::kCuda ? on_gpu : on_cpu) {
    best = std::max(best, rate_of(stream, dtype, shape, is_quick ? 3 : 8));
  }
  return best;
}

}  // namespace bam
