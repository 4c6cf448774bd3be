#include <cmath>

#include "runtime/dispatch.h"
#include "runtime/cpu/kernels.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/vector_math.h"

namespace bam::cpu {
namespace {

// Rows whose weight gradients are one partial sum: fixed, so that the total's bits are.
constexpr std::int64_t kSumRows = 128;

struct Statistics {
  float mean;
  float inverse_deviation;
};

Statistics statistics_of(const float* x, std::int64_t d, float epsilon) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < d; ++i) {
    sum += x[i];
  }
  const float mean = sum / static_cast<float>(d);
  float squares = 0;
#pragma omp simd reduction(+ : squares)
  for (std::int64_t i = 0; i < d; ++i) {
    squares += (x[i] - mean) * (x[i] - mean);
  }
  return {mean, 1.0F / std::sqrt(squares / static_cast<float>(d) + epsilon)};
}

template <class T>
void norm_row(const float* x, const float* weight, Statistics row, T* h, std::int64_t d) {
#pragma omp simd
  for (std::int64_t i = 0; i < d; ++i) {
    h[i] = rounded<T>((x[i] - row.mean) * row.inverse_deviation * weight[i]);
  }
}

// With y = (x - mean) r and g = dh weight: dx += r (g - mean(g) - y mean(g y)).
template <class T>
void norm_row_backward(const float* x, const float* weight, Statistics row, const T* dh, float* dx,
                       float* weight_sum, std::int64_t d) {
  float sum = 0;
  float sum_y = 0;
#pragma omp simd reduction(+ : sum, sum_y)
  for (std::int64_t i = 0; i < d; ++i) {
    const float y = (x[i] - row.mean) * row.inverse_deviation;
    const float gradient = static_cast<float>(dh[i]);
    weight_sum[i] += gradient * y;
    sum += gradient * weight[i];
    sum_y += gradient * weight[i] * y;
  }
  const float mean = sum / static_cast<float>(d);
  const float mean_y = sum_y / static_cast<float>(d);
#pragma omp simd
  for (std::int64_t i = 0; i < d; ++i) {
    const float y = (x[i] - row.mean) * row.inverse_deviation;
    dx[i] += row.inverse_deviation * (static_cast<float>(dh[i]) * weight[i] - mean - y * mean_y);
  }
}

}  // namespace

void layer_norm(Stream& stream, const Tensor& x, const Tensor& weight, double epsilon,
                const Tensor& h, const Tensor& statistics) {
  const std::int64_t d = x.cols();
  with_float_type(h.dtype(), [&]<class T>(T) {
    for_chunks(stream, x.rows(), d * 8, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const float* from = x.data<float>() + row * d;
        const Statistics found = statistics_of(from, d, static_cast<float>(epsilon));
        statistics.data<float>()[row * 2] = found.mean;
        statistics.data<float>()[row * 2 + 1] = found.inverse_deviation;
        norm_row(from, weight.data<float>(), found, h.data<T>() + row * d, d);
      }
    });
  });
}

void layer_norm_backward(Stream& stream, const Tensor& x, const Tensor& weight,
                         const Tensor& statistics, const Tensor& dh, const Tensor& dx,
                         const Tensor& weight_gradient, const Tensor& low) {
  const std::int64_t d = x.cols();
  const std::int64_t parts = (x.rows() + kSumRows - 1) / kSumRows;
  const Tensor sums(stream, {parts, d}, DType::kFloat32);
  cpu::fill_zero(stream, sums);
  with_float_type(dh.dtype(), [&]<class T>(T) {
    for_tasks(stream, parts, 16.0 * kSumRows * static_cast<double>(d), [&](std::int64_t part) {
      const std::int64_t end = std::min(x.rows(), (part + 1) * kSumRows);
      for (std::int64_t row = part * kSumRows; row < end; ++row) {
        const float* found = statistics.data<float>() + row * 2;
        norm_row_backward(x.data<float>() + row * d, weight.data<float>(), {found[0], found[1]},
                          dh.data<T>() + row * d, dx.data<float>() + row * d,
                          sums.data<float>() + part * d, d);
      }
    });
  });
  for (std::int64_t part = 0; !weight_gradient.empty() && part < parts; ++part) {
    add_scaled(1.0F, sums.data<float>() + part * d, weight_gradient.data<float>(), d);
  }
  if (!low.empty()) {
    cpu::copy(stream, dx, low);
  }
}

}  // namespace bam::cpu
