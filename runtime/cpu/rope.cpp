#include "runtime/dispatch.h"
#include "runtime/cpu/kernels.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/vector_math.h"

namespace bam::cpu {
namespace {

// angles: (cos, sin) of each pair; sign -1 turns back.
template <class T>
void rotate_head(T* x, const float* angles, float sign, std::int64_t pairs) {
#pragma omp simd
  for (std::int64_t i = 0; i < pairs; ++i) {
    const float cosine = angles[2 * i];
    const float sine = sign * angles[2 * i + 1];
    const auto even = static_cast<float>(x[2 * i]);
    const auto odd = static_cast<float>(x[2 * i + 1]);
    x[2 * i] = rounded<T>(even * cosine - odd * sine);
    x[2 * i + 1] = rounded<T>(even * sine + odd * cosine);
  }
}

}  // namespace

void rope(Stream& stream, const Tensor& x, const Tensor& positions, const Tensor& table,
          Rotation rotation) {
  const std::int64_t d = x.cols();
  const std::int64_t head_dim = table.cols();
  const float sign = rotation == Rotation::kForward ? 1.0F : -1.0F;
  with_float_type(x.dtype(), [&]<class T>(T) {
    for_chunks(stream, x.rows(), d * 8, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const float* angles =
            table.data<float>() + positions.data<std::int32_t>()[row] * head_dim;
        for (std::int64_t head = 0; head < d; head += head_dim) {
          rotate_head(x.data<T>() + row * d + head, angles, sign, head_dim / 2);
        }
      }
    });
  });
}

}  // namespace bam::cpu
