// Norms of rows of any width; of those that a block's registers hold: layer_norm_rows.cu.
#include "runtime/cuda/kernel.cuh"
#include "runtime/cuda/kernels.h"
#include "runtime/cuda/layer_norm_rows.h"
#include "runtime/cuda/part_sums.h"

namespace bam::cuda {
namespace {

// Rows whose weight gradients are one partial sum, and columns of a block that sums them.
constexpr std::int64_t kSumRows = 128;
constexpr unsigned kSumCols = 128;

// One block a row.
template <class T, int kWidth>
__global__ void norm_kernel(const float* x, const float* weight, float epsilon, T* h,
                            float* statistics, std::int64_t d) {
  const std::int64_t row = blockIdx.x;
  const float* from = x + row * d;
  const auto first = static_cast<std::int64_t>(threadIdx.x) * kWidth;
  const auto step = static_cast<std::int64_t>(blockDim.x) * kWidth;
  float sum = 0;
  for (std::int64_t i = first; i < d; i += step) {
    const auto in = load<kWidth>(from + i);
    for (int j = 0; j < kWidth; ++j) {
      sum += in.at[j];
    }
  }
  const float mean = block_reduce(sum, Sum(), 0.0F) / static_cast<float>(d);
  float squares = 0;
  for (std::int64_t i = first; i < d; i += step) {
    const auto in = load<kWidth>(from + i);
    for (int j = 0; j < kWidth; ++j) {
      squares += (in.at[j] - mean) * (in.at[j] - mean);
    }
  }
  const float variance = block_reduce(squares, Sum(), 0.0F) / static_cast<float>(d);
  const float inverse = 1.0F / sqrtf(variance + epsilon);
  for (std::int64_t i = first; i < d; i += step) {
    const auto in = load<kWidth>(from + i);
    const auto w = load<kWidth>(weight + i);
    Pack<T, kWidth> out;
    for (int j = 0; j < kWidth; ++j) {
      out.at[j] = rounded<T>((in.at[j] - mean) * inverse * w.at[j]);
    }
    store(out, h + row * d + i);
  }
  if (threadIdx.x == 0) {
    statistics[row * 2] = mean;
    statistics[row * 2 + 1] = inverse;
  }
}

// One block a row. With y = (x - mean) r and g = dh weight: dx += r (g - mean(g) - y mean(g y)).
template <class T, int kWidth>
__global__ void input_gradient_kernel(const float* x, const float* weight, const float* statistics,
                                      const T* dh, float* dx, std::int64_t d) {
  const std::int64_t row = blockIdx.x;
  const float mean = statistics[row * 2];
  const float inverse = statistics[row * 2 + 1];
  const auto first = static_cast<std::int64_t>(threadIdx.x) * kWidth;
  const auto step = static_cast<std::int64_t>(blockDim.x) * kWidth;
  float sum = 0;
  float sum_y = 0;
  for (std::int64_t i = first; i < d; i += step) {
    const auto in = load<kWidth>(x + row * d + i);
    const auto w = load<kWidth>(weight + i);
    const auto slope = load<kWidth>(dh + row * d + i);
    for (int j = 0; j < kWidth; ++j) {
      const float g = widen(slope.at[j]) * w.at[j];
      sum += g;
      sum_y += g * (in.at[j] - mean) * inverse;
    }
  }
  const float mean_g = block_reduce(sum, Sum(), 0.0F) / static_cast<float>(d);
  const float mean_gy = block_reduce(sum_y, Sum(), 0.0F) / static_cast<float>(d);
  for (std::int64_t i = first; i < d; i += step) {
    const auto in = load<kWidth>(x + row * d + i);
    const auto w = load<kWidth>(weight + i);
    const auto slope = load<kWidth>(dh + row * d + i);
    auto out = load<kWidth>(dx + row * d + i);
    for (int j = 0; j < kWidth; ++j) {
      const float y = (in.at[j] - mean) * inverse;
      out.at[j] += inverse * (widen(slope.at[j]) * w.at[j] - mean_g - y * mean_gy);
    }
    store(out, dx + row * d + i);
  }
}

// Blocks (columns, part): a thread sums one column over the part's rows.
template <class T>
__global__ void weight_parts_kernel(const float* x, const float* statistics, const T* dh,
                                    float* sums, std::int64_t rows, std::int64_t d) {
  const std::int64_t col = place();
  if (col >= d) {
    return;
  }
  const std::int64_t part = blockIdx.y;
  const std::int64_t last = (part + 1) * kSumRows;
  const std::int64_t end = last < rows ? last : rows;
  float sum = 0;
  for (std::int64_t row = part * kSumRows; row < end; ++row) {
    const float y = (x[row * d + col] - statistics[row * 2]) * statistics[row * 2 + 1];
    sum += widen(dh[row * d + col]) * y;
  }
  sums[part * d + col] = sum;
}

Grid block_a_row(std::int64_t rows, std::int64_t cols) {
  const unsigned threads = cols <= 1024 ? 128 : kThreads;
  return {.blocks = {static_cast<unsigned>(rows)}, .threads = {threads}};
}

template <class T>
void add_weight_gradient(Stream& stream, const Tensor& x, const Tensor& statistics,
                         const Tensor& dh, const Tensor& weight_gradient) {
  const std::int64_t d = x.cols();
  const unsigned parts = blocks_for(x.rows(), kSumRows);
  const Tensor sums(stream, {parts, d}, DType::kFloat32);
  launch(stream, {.blocks = {blocks_for(d, kSumCols), parts}, .threads = {kSumCols}},
         weight_parts_kernel<T>, data_of<float>(x), data_of<float>(statistics), data_of<T>(dh),
         data_of<float>(sums), x.rows(), d);
  add_part_sums(stream, sums, weight_gradient);
}

}  // namespace

void layer_norm(Stream& stream, const Tensor& x, const Tensor& weight, double epsilon,
                const Tensor& h, const Tensor& statistics) {
  if (fits_in_registers(x.cols(), {&x, &weight, &h})) {
    return layer_norm_rows(stream, x, weight, epsilon, h, statistics);
  }
  with_float_type(h.dtype(), [&]<class T>(T) {
    with_width(width_of(x.cols(), {&x, &weight, &h}),
               [&]<int kWidth>(std::integral_constant<int, kWidth>) {
                 launch(stream, block_a_row(x.rows(), x.cols()), norm_kernel<T, kWidth>,
                        data_of<float>(x), data_of<float>(weight), static_cast<float>(epsilon),
                        data_of<T>(h), data_of<float>(statistics), x.cols());
               });
  });
}

void layer_norm_backward(Stream& stream, const Tensor& x, const Tensor& weight,
                         const Tensor& statistics, const Tensor& dh, const Tensor& dx,
                         const Tensor& weight_gradient, const Tensor& low) {
  const std::int64_t d = x.cols();
  if (fits_in_registers(d, {&x, &weight, &dh, &dx, &low})) {
    return layer_norm_rows_backward(stream, x, weight, statistics, dh, dx, weight_gradient, low);
  }
  with_float_type(dh.dtype(), [&]<class T>(T) {
    with_width(width_of(d, {&x, &weight, &dh, &dx}),
               [&]<int kWidth>(std::integral_constant<int, kWidth>) {
                 launch(stream, block_a_row(x.rows(), d), input_gradient_kernel<T, kWidth>,
                        data_of<float>(x), data_of<float>(weight), data_of<float>(statistics),
                        data_of<T>(dh), data_of<float>(dx), d);
               });
    if (!weight_gradient.empty()) {
      add_weight_gradient<T>(stream, x, statistics, dh, weight_gradient);
    }
  });
  if (!low.empty()) {
    cuda::copy(stream, dx, low);
  }
}

}  // namespace bam::cuda
