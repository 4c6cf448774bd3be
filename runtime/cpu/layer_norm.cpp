#include "runtime/layer_norm.h"

#include <cmath>
#include <vector>

#include "runtime/cpu/rows.h"

namespace bam {
namespace {

using cpu::for_each_row;
using cpu::with_float_type;

// Rows whose weight gradients are summed before the pieces' sums are, in order.
constexpr std::int64_t kPieceRows = 128;

void check_shapes(const Tensor& x, const Tensor& weight, const Tensor& h,
                  const Tensor& statistics) {
  check(x.shape() == h.shape() && weight.shape() == Shape{x.cols()} &&
            statistics.shape() == Shape{x.rows(), 2},
        "layer norm of x ", text_of(x.shape()), ", weight ", text_of(weight.shape()), ", h ",
        text_of(h.shape()), ", statistics ", text_of(statistics.shape()));
}

}  // namespace

void layer_norm(Stream& stream, const Tensor& x, const Tensor& weight, double epsilon,
                const Tensor& h, const Tensor& statistics) {
  check_shapes(x, weight, h, statistics);
  with_float_type(h.dtype(), [&](auto type) {
    using T = decltype(type);
    const std::int64_t d = x.cols();
    const float* scale = weight.data<float>();
    T* out = h.data<T>();
    float* moments = statistics.data<float>();
    const float* in = x.data<float>();
    for_each_row(x.rows(), [&](std::int64_t i) {
      const float* row = in + i * d;
      float sum = 0;
#pragma omp simd reduction(+ : sum)
      for (std::int64_t j = 0; j < d; ++j) {
        sum += row[j];
      }
      const float mean = sum / static_cast<float>(d);
      float squares = 0;
#pragma omp simd reduction(+ : squares)
      for (std::int64_t j = 0; j < d; ++j) {
        squares += (row[j] - mean) * (row[j] - mean);
      }
      const float inverse =
          1.0F / std::sqrt(squares / static_cast<float>(d) + static_cast<float>(epsilon));
      for (std::int64_t j = 0; j < d; ++j) {
        out[i * d + j] = T((row[j] - mean) * inverse * scale[j]);
      }
      moments[2 * i] = mean;
      moments[2 * i + 1] = inverse;
    });
  });
  stream.poll();
}

void layer_norm_backward(Stream& stream, const Tensor& x, const Tensor& weight,
                         const Tensor& statistics, const Tensor& dh, const Tensor& dx,
                         const Tensor& weight_gradient) {
  check_shapes(x, weight, dh, statistics);
  const std::int64_t d = x.cols();
  const std::int64_t pieces = (x.rows() + kPieceRows - 1) / kPieceRows;
  std::vector<float> partial(static_cast<std::size_t>(pieces * d));
  with_float_type(dh.dtype(), [&](auto type) {
    using T = decltype(type);
    const T* gradient = dh.data<T>();
    const float* in = x.data<float>();
    const float* scale = weight.data<float>();
    const float* moments = statistics.data<float>();
    float* out = dx.data<float>();
    for_each_row(pieces, [&](std::int64_t piece) {
      float* sums = partial.data() + piece * d;
      const std::int64_t last = std::min(x.rows(), (piece + 1) * kPieceRows);
      for (std::int64_t i = piece * kPieceRows; i < last; ++i) {
        const float mean = moments[2 * i];
        const float inverse = moments[2 * i + 1];
        const float* row = in + i * d;
        const T* dy = gradient + i * d;
        float mean_g = 0;
        float mean_gx = 0;
#pragma omp simd reduction(+ : mean_g, mean_gx)
        for (std::int64_t j = 0; j < d; ++j) {
          const float normal = (row[j] - mean) * inverse;
          const float g = static_cast<float>(dy[j]) * scale[j];
          mean_g += g;
          mean_gx += g * normal;
          sums[j] += static_cast<float>(dy[j]) * normal;
        }
        mean_g /= static_cast<float>(d);
        mean_gx /= static_cast<float>(d);
        for (std::int64_t j = 0; j < d; ++j) {
          const float normal = (row[j] - mean) * inverse;
          const float g = static_cast<float>(dy[j]) * scale[j];
          out[i * d + j] += inverse * (g - mean_g - normal * mean_gx);
        }
      }
    });
  });
  if (!weight_gradient.empty()) {
    float* total = weight_gradient.data<float>();
    for (std::int64_t piece = 0; piece < pieces; ++piece) {
      for (std::int64_t j = 0; j < d; ++j) {
        total[j] += partial[static_cast<std::size_t>(piece * d + j)];
      }
    }
  }
  stream.poll();
}

}  // namespace bam
