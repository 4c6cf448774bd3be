#pragma once

#include <span>

#include "runtime/stream.h"

namespace bam {

/// One step's AdamW coefficients (arXiv 1711.05101).
struct AdamwStep {
  double learning_rate;
  double beta1;
  double beta2;
  double epsilon;
  double weight_decay;     // 0 for weights that do not decay
  double gradient_scale;   // clipping: the gradient is multiplied by this
  std::int64_t step;       // 1 for the first: bias correction
};

/// m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
/// w -= lr * (m^ / (sqrt(v^) + epsilon) + weight_decay * w), m^ and v^ bias-corrected.
/// One pass; all spans of one length.
void adamw(Stream& stream, const AdamwStep& step, std::span<const float> gradient,
           std::span<float> weight, std::span<float> first_moment, std::span<float> second_moment);

}  // namespace bam
