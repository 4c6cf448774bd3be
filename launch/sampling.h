#pragma once

#include <cstdint>
#include <span>

#include "runtime/random.h"

namespace bam {

/// How the next token is drawn.
struct Sampling {
  double temperature = 1.0;  // 0: always the likeliest
  double top_p = 1.0;        // draw among the likeliest tokens that hold this much probability
};

/// Draws from softmax(logits / temperature), cut to top_p; `draw` in [0, 1) decides.
std::int32_t sample(std::span<const float> logits, const Sampling& sampling, double draw);

}  // namespace bam
