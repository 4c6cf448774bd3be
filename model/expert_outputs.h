#pragma once

#include <vector>

#include "model/expert_runs.h"
#include "model/parameter_store.h"

namespace bam {

/// What experts side by side attended, and how it counts.
struct RunOutputs {
  const ExpertRun& run;
  Tensor out;    // (m, experts of the run * width)
  Tensor gates;  // (m, experts of the model) fp32; empty where there is one attention
};

/// The output projections of the attention experts that a rank holds, with their gates. A GPU
/// multiplies those of experts side by side together: one by one, each product would read and write
/// all of the sum.
class ExpertOutputs {
 public:
  /// o: each expert's (d_model, width), as they are held; they outlive it.
  explicit ExpertOutputs(std::vector<const Parameter*> o) : o_(std::move(o)) {}

  /// sum (m, d_model) fp32 += each expert's gate * out Wo^T.
  void forward(Stream& stream, const RunOutputs& of, const Tensor& sum) const;
  /// From dy (m, d_model) of out's dtype: returns the gradient of out; d_gates (as the gates) +=
  /// theirs, and the weights' gradients.
  Tensor backward(Stream& stream, const RunOutputs& of, const Tensor& dy,
                  const Tensor& d_gates) const;

 private:
  void forward_jointly(Stream& stream, const RunOutputs& of, const Tensor& sum) const;
  Tensor backward_jointly(Stream& stream, const RunOutputs& of, const Tensor& dy,
                          const Tensor& d_gates) const;

  std::vector<const Parameter*> o_;
};

}  // namespace bam
