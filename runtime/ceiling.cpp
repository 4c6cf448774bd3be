#include "runtime/ceiling.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "runtime/elementwise.h"
#include "runtime/matmul.h"
#include "runtime/random.h"

namespace bam {
namespace {

struct ProductShape {
  std::int64_t m;
  std::int64_t k;
  std::int64_t n;
};

constexpr std::int64_t kDrawn = std::int64_t{1} << 18;

// The drawn numbers over and over: products of zeros take a GPU less power, and so less time.
Tensor matrix(Stream& stream, Shape shape, DType dtype, const Tensor& drawn) {
  Tensor out(stream, std::move(shape), dtype);
  const Tensor flat = out.reshape({out.elements()});
  for (std::int64_t begin = 0; begin < out.elements(); begin += kDrawn) {
    const std::int64_t end = std::min(begin + kDrawn, out.elements());
    copy(stream, drawn.slice(0, end - begin), flat.slice(begin, end));
  }
  return out;
}

double rate_of(Stream& stream, DType dtype, ProductShape shape, int repeats, const Tensor& drawn) {
  const Tensor a = matrix(stream, {shape.m, shape.k}, dtype, drawn);
  const Tensor b = matrix(stream, {shape.n, shape.k}, dtype, drawn);
  const Tensor c(stream, {shape.m, shape.n}, dtype);
  stream.synchronise();
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
  const Tensor drawn(stream, {kDrawn}, DType::kFloat32);
  fill_normal(stream, Random(1, "ceiling"), 1.0, 0, drawn);
  double best = 0;
  for (const ProductShape& shape : stream.device() == DeviceKind::kCuda ? on_gpu : on_cpu) {
    best = std::max(best, rate_of(stream, dtype, shape, is_quick ? 3 : 8, drawn));
  }
  return best;
}

}  // namespace bam
