#include "runtime/cuda/kernel.cuh"
#include "runtime/cuda/kernels.h"

namespace bam::cuda {
namespace {

// The same parts, stacked and side by side.
template <class T>
struct Parts {
  T* stacked;
  T* wide;
  std::int64_t n;
  std::int64_t d;
  std::int64_t wide_cols;

  // Of the block's row of the stack.
  __device__ T* stacked_row() const { return stacked + blockIdx.x * d; }
  __device__ T* wide_row() const { return wide + blockIdx.x % n * wide_cols + blockIdx.x / n * d; }
};

template <class T>
Parts<T> parts_of(const Tensor& stacked, const Tensor& wide) {
  return {data_of<T>(stacked), data_of<T>(wide), wide.rows(), stacked.cols(), wide.cols()};
}

// One block a row of the stack.
template <class T, int kWidth>
__global__ void put_side_by_side_kernel(Parts<T> parts) {
  for (std::int64_t i = threadIdx.x * kWidth; i < parts.d; i += kThreads * kWidth) {
    store(load<kWidth>(parts.stacked_row() + i), parts.wide_row() + i);
  }
}

// One block a row of the stack.
template <int kWidth, bool kAdds>
__global__ void stack_parts_kernel(Parts<float> parts) {
  for (std::int64_t i = threadIdx.x * kWidth; i < parts.d; i += kThreads * kWidth) {
    auto pack = load<kWidth>(parts.wide_row() + i);
    if constexpr (kAdds) {
      const auto before = load<kWidth>(parts.stacked_row() + i);
      for (int j = 0; j < kWidth; ++j) {
        pack.at[j] += before.at[j];
      }
    }
    store(pack, parts.stacked_row() + i);
  }
}

Grid block_a_row(const Tensor& stacked) { return {.blocks = {blocks_for(stacked.rows(), 1)}}; }

}  // namespace

void put_side_by_side(Stream& stream, const Tensor& stacked, const Tensor& wide) {
  with_float_type(wide.dtype(), [&]<class T>(T) {
    with_wide_rows<T>(stacked.cols(), {&stacked, &wide},
                      [&]<int kWidth>(std::integral_constant<int, kWidth>) {
                        launch(stream, block_a_row(stacked), put_side_by_side_kernel<T, kWidth>,
                               parts_of<T>(stacked, wide));
                      });
  });
}

void stack_parts(Stream& stream, const Tensor& wide, const Tensor& stacked, Write write) {
  with_wide_rows<float>(
      stacked.cols(), {&stacked, &wide}, [&]<int kWidth>(std::integral_constant<int, kWidth>) {
        const auto kernel = write == Write::kAdd ? stack_parts_kernel<kWidth, true>
                                                 : stack_parts_kernel<kWidth, false>;
        launch(stream, block_a_row(stacked), kernel, parts_of<float>(stacked, wide));
      });
}

}  // namespace bam::cuda
