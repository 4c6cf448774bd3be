#include "runtime/cuda/kernel.cuh"
#include "runtime/cuda/kernels.h"

namespace bam::cuda {
namespace {

// Where one expert's rows lie among those of experts side by side, and its gates among all.
struct Place {
  std::int64_t rows;
  std::int64_t cols;        // of the block
  std::int64_t first;       // column of the block's first
  std::int64_t stride;      // columns of all blocks
  std::int64_t own_first;   // likewise in weighted and its gradient
  std::int64_t own_stride;  // which may be of the block alone
  std::int64_t expert;
  std::int64_t experts;

  __device__ std::int64_t in_outputs(std::int64_t row) const { return row * stride + first; }
  __device__ std::int64_t in_weighted(std::int64_t row) const {
    return row * own_stride + own_first;
  }
};

Place place_of(const GatedBlock& from, const Tensor& rows) {
  return {rows.rows(),         from.d,      from.block * from.d, from.outputs.cols(),
          from.first_in(rows), rows.cols(), from.expert,         from.gates.cols()};
}

// One warp a row.
template <class T, int kWidth>
__global__ void weigh_kernel(Place at, const T* outputs, const float* gates, T* weighted) {
  const std::int64_t row = place() / kWarp;
  if (row >= at.rows) {
    return;
  }
  const float gate = gates[row * at.experts + at.expert];
  const T* in = outputs + at.in_outputs(row);
  T* out = weighted + at.in_weighted(row);
  for (std::int64_t i = threadIdx.x % kWarp * kWidth; i < at.cols; i += kWarp * kWidth) {
    auto pack = load<kWidth>(in + i);
    for (int j = 0; j < kWidth; ++j) {
      pack.at[j] = rounded<T>(gate * widen(pack.at[j]));
    }
    store(pack, out + i);
  }
}

// One warp a row.
template <class T, int kWidth>
__global__ void weigh_backward_kernel(Place at, const T* outputs, const float* gates, const T* u,
                                      T* weighted, float* d_gates, T* d_outputs) {
  const std::int64_t row = place() / kWarp;
  if (row >= at.rows) {
    return;
  }
  const float gate = gates[row * at.experts + at.expert];
  const std::int64_t first = at.in_outputs(row);
  const std::int64_t own = at.in_weighted(row);
  float sum = 0;
  for (std::int64_t i = threadIdx.x % kWarp * kWidth; i < at.cols; i += kWarp * kWidth) {
    auto output = load<kWidth>(outputs + first + i);
    auto slope = load<kWidth>(u + own + i);
    for (int j = 0; j < kWidth; ++j) {
      const float of_output = widen(output.at[j]);
      const float of_slope = widen(slope.at[j]);
      sum += of_slope * of_output;
      output.at[j] = rounded<T>(gate * of_output);
      slope.at[j] = rounded<T>(gate * of_slope);
    }
    store(output, weighted + own + i);
    store(slope, d_outputs + first + i);
  }
  sum = warp_reduce(sum, Sum());
  if (threadIdx.x % kWarp == 0) {
    d_gates[row * at.experts + at.expert] += sum;
  }
}

}  // namespace

void weigh(Stream& stream, const GatedBlock& from, const Tensor& weighted) {
  with_float_type(weighted.dtype(), [&]<class T>(T) {
    with_wide_rows<T>(from.d, {&from.outputs, &weighted},
                      [&]<int kWidth>(std::integral_constant<int, kWidth>) {
                        launch(stream, warp_a_row(weighted.rows()), weigh_kernel<T, kWidth>,
                               place_of(from, weighted), data_of<T>(from.outputs),
                               data_of<float>(from.gates), data_of<T>(weighted));
                      });
  });
}

void weigh_backward(Stream& stream, const GatedBlock& from, const Tensor& u, const Tensor& weighted,
                    const Tensor& d_gates, const Tensor& d_outputs) {
  with_float_type(u.dtype(), [&]<class T>(T) {
    with_wide_rows<T>(from.d, {&from.outputs, &u, &weighted, &d_outputs},
                      [&]<int kWidth>(std::integral_constant<int, kWidth>) {
                        launch(stream, warp_a_row(u.rows()), weigh_backward_kernel<T, kWidth>,
                               place_of(from, u), data_of<T>(from.outputs),
                               data_of<float>(from.gates), data_of<T>(u), data_of<T>(weighted),
                               data_of<float>(d_gates), data_of<T>(d_outputs));
                      });
  });
}

}  // namespace bam::cuda
