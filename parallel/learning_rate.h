#pragma once

#include <cstdint>

namespace bam {

/// Linear warm-up from 0 to the peak, then a cosine down to final_share * peak at the last step.
struct LearningRate {
  double peak = 0;
  std::int64_t warmup_steps = 0;
  std::int64_t steps = 0;
  double final_share = 0.1;

  /// Of step 1, 2, ..., steps.
  double at(std::int64_t step) const;
};

}  // namespace bam
