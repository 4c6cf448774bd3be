#include "runtime/adamw.h"

#include <cmath>

#include "runtime/cpu/rows.h"

namespace bam {

void adamw(Stream& stream, const AdamwStep& step, std::span<const float> gradient,
           std::span<float> weight, std::span<float> first_moment, std::span<float> second_moment) {
  const std::size_t n = weight.size();
  check(gradient.size() == n && first_moment.size() == n && second_moment.size() == n,
        "AdamW over spans of ", n, ", ", gradient.size(), ", ", first_moment.size(), " and ",
        second_moment.size());
  const auto time = static_cast<double>(step.step);
  const auto b1 = static_cast<float>(step.beta1);
  const auto b2 = static_cast<float>(step.beta2);
  const auto scale = static_cast<float>(step.gradient_scale);
  const auto epsilon = static_cast<float>(step.epsilon);
  const auto rate = static_cast<float>(step.learning_rate / (1 - std::pow(step.beta1, time)));
  const auto correction = static_cast<float>(1 / std::sqrt(1 - std::pow(step.beta2, time)));
  const auto decay = static_cast<float>(1 - step.learning_rate * step.weight_decay);
  constexpr std::int64_t kPiece = 16384;
  const auto count = static_cast<std::int64_t>(n);
  cpu::for_each_row((count + kPiece - 1) / kPiece, [&](std::int64_t piece) {
    const std::int64_t last = std::min(count, (piece + 1) * kPiece);
#pragma omp simd
    for (std::int64_t i = piece * kPiece; i < last; ++i) {
      const float g = gradient[i] * scale;
      first_moment[i] = b1 * first_moment[i] + (1 - b1) * g;
      second_moment[i] = b2 * second_moment[i] + (1 - b2) * g * g;
      weight[i] = decay * weight[i] -
                  rate * first_moment[i] / (std::sqrt(second_moment[i]) * correction + epsilon);
    }
  });
  stream.poll();
}

}  // namespace bam
