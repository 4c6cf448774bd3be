#pragma once

#include <span>

#include "runtime/tensor.h"

namespace bam {

/// One step's AdamW coefficients (arXiv 1711.05101).
struct AdamwStep {
  double learning_rate;
  double beta1;
  double beta2;
  double epsilon;
  double gradient_scale;  // clipping: the gradient is multiplied by this
  std::int64_t step;      // 1 for the first: bias correction
};

/// Elements that one step updates; the tensors are fp32 and of one size, but `rounded`.
struct AdamwPiece {
  Tensor gradient;
  Tensor weight;
  Tensor first_moment;
  Tensor second_moment;
  double weight_decay;  // 0 for weights that do not decay
  Tensor rounded = {};  // receives the new weights as bf16; empty: nothing does
};

/// Of every piece m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
/// w -= lr * (m^ / (sqrt(v^) + epsilon) + weight_decay * w), m^ and v^ bias-corrected. One pass.
void adamw(Stream& stream, const AdamwStep& step, std::span<const AdamwPiece> pieces);

}  // namespace bam
