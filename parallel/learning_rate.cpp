#include "parallel/learning_rate.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace bam {

double LearningRate::at(std::int64_t step) const {
  if (step <= warmup_steps) {
    return peak * static_cast<double>(step) / static_cast<double>(warmup_steps);
  }
  const auto decay_steps = static_cast<double>(std::max<std::int64_t>(steps - warmup_steps, 1));
  const double progress =
      std::min(1.0, static_cast<double>(step - warmup_steps) / decay_steps);
  const double cosine = 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
  return peak * (final_share + (1.0 - final_share) * cosine);
}

}  // namespace bam
