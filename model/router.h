#pragma once

#include <string>

#include "model/parameter_store.h"
#include "runtime/routing.h"

namespace bam {

/// What a router decided for n tokens, and what its backward needs. All fp32.
struct RouterSaved {
  Tensor probabilities;  // (n, experts): softmax of the logits
  Tensor log_sums;       // (n): their logsumexp
  Tensor choices;        // (n, k) int32; empty where every expert is used
  Tensor gates;          // (n, k): of the chosen
};

/// softmax(W h) over the experts, W (experts, d_model) fp32. h is fp32 or bf16; products with it,
/// logits and softmax are fp32.
class Router {
 public:
  Router(const ParameterStore& store, const std::string& name) : weight_(store.at(name)) {}

  /// Probabilities and log sums; h (n, d_model).
  RouterSaved route(Stream& stream, const Tensor& h) const;

  /// From d_probabilities (n, experts), which is overwritten: dh (n, d_model) fp32 += ..., and the
  /// weight's gradient. z_scale: weight of sum_i log_sum_i^2 in the loss.
  void backward(Stream& stream, const Tensor& h, const RouterSaved& saved, double z_scale,
                const Tensor& d_probabilities, const Tensor& dh) const;

 private:
  const Parameter& weight_;
};

}  // namespace bam
