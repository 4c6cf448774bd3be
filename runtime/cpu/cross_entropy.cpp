#include "runtime/cross_entropy.h"

#include <cmath>

#include "runtime/cpu/rows.h"

namespace bam {
namespace {

void check_shapes(const Tensor& logits, const Tensor& targets, const Tensor& losses) {
  check(targets.elements() == logits.rows() && losses.elements() == logits.rows(),
        "cross-entropy of logits ", text_of(logits.shape()), ", targets ",
        text_of(targets.shape()), ", losses ", text_of(losses.shape()));
  for (const std::int32_t target : targets.span<std::int32_t>()) {
    check(kNotScored <= target && target < logits.cols(), "target ", target, " of ", logits.cols(),
          " logits");
  }
}

struct Softmax {
  float largest;
  float sum;  // of exp(logit - largest)

  float log_sum() const { return largest + std::log(sum); }
};

Softmax softmax_of(const float* row, std::int64_t n) {
  float largest = row[0];
#pragma omp simd reduction(max : largest)
  for (std::int64_t j = 0; j < n; ++j) {
    largest = std::max(largest, row[j]);
  }
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t j = 0; j < n; ++j) {
    sum += cpu::fast_exp(row[j] - largest);
  }
  return {largest, sum};
}

// NaN and infinities are lost in the maximum: let them show in the loss.
float loss_of(const float* row, std::int32_t target, const Softmax& softmax) {
  return softmax.log_sum() - row[target];
}

}  // namespace

void cross_entropy(Stream& stream, const Tensor& logits, const Tensor& targets,
                   const Tensor& losses) {
  check_shapes(logits, targets, losses);
  const std::int64_t n = logits.cols();
  const float* in = logits.data<float>();
  const std::int32_t* target = targets.data<std::int32_t>();
  float* out = losses.data<float>();
  cpu::for_each_row(logits.rows(), [&](std::int64_t i) {
    const float* row = in + i * n;
    out[i] = target[i] == kNotScored ? 0.0F : loss_of(row, target[i], softmax_of(row, n));
  });
  stream.poll();
}

void cross_entropy_with_gradient(Stream& stream, const Tensor& logits, const Tensor& targets,
                                 double scale, const Tensor& losses, const Tensor& d_logits) {
  check_shapes(logits, targets, losses);
  check(d_logits.shape() == logits.shape(), "gradient ", text_of(d_logits.shape()), " of logits ",
        text_of(logits.shape()));
  cpu::with_float_type(d_logits.dtype(), [&](auto type) {
    using T = decltype(type);
    const std::int64_t n = logits.cols();
    const float* in = logits.data<float>();
    const std::int32_t* target = targets.data<std::int32_t>();
    float* loss = losses.data<float>();
    T* out = d_logits.data<T>();
    const auto weight = static_cast<float>(scale);
    cpu::for_each_row(logits.rows(), [&](std::int64_t i) {
      const float* row = in + i * n;
      T* d_row = out + i * n;
      if (target[i] == kNotScored) {
        loss[i] = 0;
        std::fill_n(d_row, n, T(0.0F));
        return;
      }
      const Softmax softmax = softmax_of(row, n);
      loss[i] = loss_of(row, target[i], softmax);
      const float factor = weight / softmax.sum;
      const float at_target =
          factor * cpu::fast_exp(row[target[i]] - softmax.largest) - weight;
#pragma omp simd
      for (std::int64_t j = 0; j < n; ++j) {
        d_row[j] = T(factor * cpu::fast_exp(row[j] - softmax.largest));
      }
      d_row[target[i]] = T(at_target);
    });
  });
  stream.poll();
}

}  // namespace bam
