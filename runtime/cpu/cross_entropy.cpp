#include <cmath>

#include "runtime/cpu/kernels.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/vector_math.h"
#include "runtime/dispatch.h"

namespace bam::cpu {
namespace {

template <class T>
float sum_of_exp(const T* in, float shift, std::int64_t size) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < size; ++i) {
    sum += fast_exp(static_cast<float>(in[i]) - shift);
  }
  return sum;
}

template <class T>
float log_sum_of(const T* logits, std::int64_t size) {
  const float largest = max_of(logits, size);
  return largest + std::log(sum_of_exp(logits, largest, size));
}

template <class T>
float loss_of(const T* logits, float log_sum, std::int32_t target) {
  return log_sum - static_cast<float>(logits[target]);
}

// scale * (softmax - onehot), which may be in place.
template <class T>
void gradient_row(const T* logits, float log_sum, std::int32_t target, float scale, T* out,
                  std::int64_t size) {
  const float at_target = scale * (fast_exp(static_cast<float>(logits[target]) - log_sum) - 1.0F);
#pragma omp simd
  for (std::int64_t i = 0; i < size; ++i) {
    out[i] = rounded<T>(scale * fast_exp(static_cast<float>(logits[i]) - log_sum));
  }
  out[target] = rounded<T>(at_target);
}

}  // namespace

void cross_entropy(Stream& stream, const Tensor& logits, const Tensor& targets,
                   const Tensor& losses) {
  const std::int64_t vocabulary = logits.cols();
  with_float_type(logits.dtype(), [&]<class T>(T) {
    for_chunks(stream, logits.rows(), vocabulary * 8, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const T* values = logits.data<T>() + row * vocabulary;
        const std::int32_t target = targets.data<std::int32_t>()[row];
        losses.data<float>()[row] =
            target == kNotScored ? 0.0F : loss_of(values, log_sum_of(values, vocabulary), target);
      }
    });
  });
}

void cross_entropy_with_gradient(Stream& stream, const Tensor& logits, const Tensor& targets,
                                 double scale, const Tensor& losses, const Tensor& d_logits) {
  const std::int64_t vocabulary = logits.cols();
  with_float_type(d_logits.dtype(), [&]<class T>(T) {
    for_chunks(stream, logits.rows(), vocabulary * 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const T* values = logits.data<T>() + row * vocabulary;
        T* gradient = d_logits.data<T>() + row * vocabulary;
        const std::int32_t target = targets.data<std::int32_t>()[row];
        if (target == kNotScored) {
          losses.data<float>()[row] = 0;
          std::fill(gradient, gradient + vocabulary, T{});
          continue;
        }
        const float log_sum = log_sum_of(values, vocabulary);
        losses.data<float>()[row] = loss_of(values, log_sum, target);
        gradient_row(values, log_sum, target, static_cast<float>(scale), gradient, vocabulary);
      }
    });
  });
}

}  // namespace bam::cpu
