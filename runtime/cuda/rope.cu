#include <algorithm>
#include <limits>

#include "runtime/cuda/kernel.cuh"
#include "runtime/cuda/kernels.h"

namespace bam::cuda {
namespace {

constexpr std::int64_t kMostThreads = 512;

// One block a row; kPairs pairs move as one. Places in a row fit 32 bits, whose remainders cost a
// GPU a fifth of what those of 64 do.
template <class T, int kPairs>
__global__ void rope_kernel(T* x, const std::int32_t* positions, const float* table, float sign,
                            int cols, int head_dim, std::int64_t table_rows, Fault* fault) {
  const std::int64_t row = blockIdx.x;
  const std::int32_t position = positions[row];
  if (!is_below(position, table_rows, Fault::kPosition, fault)) {
    return;
  }
  constexpr int kWidth = 2 * kPairs;
  const float* angles = table + static_cast<std::int64_t>(position) * head_dim;
  T* values = x + row * cols;
  for (int i = static_cast<int>(threadIdx.x) * kWidth; i < cols;
       i += static_cast<int>(blockDim.x) * kWidth) {
    const auto angle = load<kWidth>(angles + i % head_dim);
    auto pack = load<kWidth>(values + i);
    for (int j = 0; j < kWidth; j += 2) {
      const float cosine = angle.at[j];
      const float sine = sign * angle.at[j + 1];
      const float even = widen(pack.at[j]);
      const float odd = widen(pack.at[j + 1]);
      pack.at[j] = rounded<T>(even * cosine - odd * sine);
      pack.at[j + 1] = rounded<T>(even * sine + odd * cosine);
    }
    store(pack, values + i);
  }
}

template <class T, int kPairs>
void run(Stream& stream, const Tensor& x, const Tensor& positions, const Tensor& table,
         float sign) {
  const std::int64_t packs = x.cols() / (2 * kPairs);
  const auto threads = static_cast<unsigned>(std::clamp<std::int64_t>(packs, kWarp, kMostThreads));
  launch(stream, {.blocks = {static_cast<unsigned>(x.rows())}, .threads = {threads}},
         rope_kernel<T, kPairs>, data_of<T>(x), data_of<std::int32_t>(positions),
         data_of<float>(table), sign, static_cast<int>(x.cols()), static_cast<int>(table.cols()),
         table.rows(), stream.queue().fault());
}

}  // namespace

void rope(Stream& stream, const Tensor& x, const Tensor& positions, const Tensor& table,
          Rotation rotation) {
  const float sign = rotation == Rotation::kForward ? 1.0F : -1.0F;
  check(x.cols() <= std::numeric_limits<int>::max() / 2, "rope of rows of ", x.cols());
  with_float_type(x.dtype(), [&]<class T>(T) {
    if (begin_in_packs(8, table.cols(), {&x, &table})) {
      run<T, 4>(stream, x, positions, table, sign);
    } else {
      run<T, 1>(stream, x, positions, table, sign);
    }
  });
}

}  // namespace bam::cuda
