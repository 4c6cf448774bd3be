#include "runtime/cuda/kernel.cuh"
#include "runtime/cuda/kernels.h"

namespace bam::cuda {
namespace {

// One thread a pair.
template <class T>
__global__ void rope_kernel(T* x, const std::int32_t* positions, const float* table, float sign,
                            std::int64_t rows, std::int64_t pairs, std::int64_t head_pairs,
                            std::int64_t table_rows, Fault* fault) {
  const std::int64_t i = place();
  const std::int64_t row = i / pairs;
  if (row >= rows || !is_below(positions[row], table_rows, Fault::kPosition, fault)) {
    return;
  }
  const auto angle = load<2>(table + (positions[row] * head_pairs + i % pairs % head_pairs) * 2);
  const float cosine = angle.at[0];
  const float sine = sign * angle.at[1];
  auto pair = load<2>(x + i * 2);
  const float even = widen(pair.at[0]);
  const float odd = widen(pair.at[1]);
  pair.at[0] = rounded<T>(even * cosine - odd * sine);
  pair.at[1] = rounded<T>(even * sine + odd * cosine);
  store(pair, x + i * 2);
}

}  // namespace

void rope(Stream& stream, const Tensor& x, const Tensor& positions, const Tensor& table,
          Rotation rotation) {
  with_float_type(x.dtype(), [&]<class T>(T) {
    launch(stream, thread_each(x.elements() / 2), rope_kernel<T>, data_of<T>(x),
           data_of<std::int32_t>(positions), data_of<float>(table),
           rotation == Rotation::kForward ? 1.0F : -1.0F, x.rows(), x.cols() / 2, table.cols() / 2,
           table.rows(), stream.queue().fault());
  });
}

}  // namespace bam::cuda
