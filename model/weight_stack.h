#pragma once

#include <vector>

#include "model/parameter_store.h"
#include "runtime/matmul.h"

namespace bam {

/// Weights of one kind, or of the same input, that lie one after the other in memory, as one
/// matrix.
///
///     gate and up of an expert: gate_up (2 * hidden, d_model); gate_up(h) in one product
///     attention experts: their queries' weights (experts * d_model, d_model), keys' and values';
///     all three where keys and values are each expert's own; their output projections
class WeightStack {
 public:
  /// Of neighbours in a stack (Parameter::value_stack), in their order; throws Error where others
  /// lie between them. They outlive it.
  explicit WeightStack(std::vector<const Parameter*> parts);

  /// (all parts' rows, in).
  const Tensor& value() const { return value_; }
  /// As value, fp32; empty where the weights are not trained.
  const Tensor& gradient() const { return gradient_; }
  /// How a product is to write all of the gradient now (Parameter::is_gradient_stale); from then on
  /// none of it is stale.
  Write write_gradient(Stream& stream) const;

 private:
  std::vector<const Parameter*> parts_;
  Tensor value_;
  Tensor gradient_;
};

}  // namespace bam
