#include <cmath>

#include "runtime/cpu/kernels.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/vector_math.h"

namespace bam::cpu {
namespace {

void update(Stream& stream, const AdamwStep& step, const AdamwPiece& piece) {
  const auto count = static_cast<double>(step.step);
  const double correction1 = 1.0 - std::pow(step.beta1, count);
  const double correction2 = 1.0 - std::pow(step.beta2, count);
  const auto beta1 = static_cast<float>(step.beta1);
  const auto beta2 = static_cast<float>(step.beta2);
  const auto rest1 = static_cast<float>(1.0 - step.beta1);
  const auto rest2 = static_cast<float>(1.0 - step.beta2);
  const auto scale = static_cast<float>(step.gradient_scale);
  const auto rate = static_cast<float>(step.learning_rate / correction1);
  const auto shrink = static_cast<float>(1.0 / std::sqrt(correction2));
  const auto epsilon = static_cast<float>(step.epsilon);
  const auto keep = static_cast<float>(1.0 - step.learning_rate * piece.weight_decay);
  const float* g = piece.gradient.data<float>();
  float* w = piece.weight.data<float>();
  float* m = piece.first_moment.data<float>();
  float* v = piece.second_moment.data<float>();
  bfloat16* out = piece.rounded.empty() ? nullptr : piece.rounded.data<bfloat16>();
  for_chunks(stream, piece.weight.elements(), 16, [=](std::int64_t begin, std::int64_t end) {
#pragma omp simd
    for (std::int64_t i = begin; i < end; ++i) {
      const float clipped = scale * g[i];
      m[i] = beta1 * m[i] + rest1 * clipped;
      v[i] = beta2 * v[i] + rest2 * clipped * clipped;
      w[i] = keep * w[i] - rate * m[i] / (std::sqrt(v[i]) * shrink + epsilon);
    }
    if (out != nullptr) {
      convert(w + begin, out + begin, end - begin);
    }
  });
}

}  // namespace

void adamw(Stream& stream, const AdamwStep& step, std::span<const AdamwPiece> pieces) {
  for (const AdamwPiece& piece : pieces) {
    update(stream, step, piece);
  }
}

}  // namespace bam::cpu
