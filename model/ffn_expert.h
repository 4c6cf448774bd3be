#pragma once

#include <span>

#include "model/parameter_store.h"
#include "model/weight_stack.h"

namespace bam {

/// What one FFN's backward needs of m rows.
struct FfnSaved {
  Tensor input;    // (m, d_model)
  Tensor gate_up;  // (m, 2 * hidden)
};

/// One SwiGLU FFN: down(silu(gate(h)) * up(h)). Dense model and expert alike.
class FfnExpert {
 public:
  /// Weights "layers.<layer>.ffn.{gate,up,down}<suffix>"; the suffix is "" or "[expert]".
  FfnExpert(const ParameterStore& store, int layer, const std::string& suffix);

  /// Every expert on rows of its own, their products side by side: answers[e] (m_e, d_model) =
  /// FFN_e(rows[e]), of the rows' dtype.
  static void forward_each(Stream& stream, std::span<const FfnExpert> experts,
                           std::span<const Tensor> rows, std::span<FfnSaved> saved,
                           std::span<const Tensor> answers);
  /// y (m, d_model) = x + FFN(h), both fp32.
  void forward(Stream& stream, const Tensor& h, FfnSaved& saved, const Tensor& x,
               const Tensor& y) const;
  /// dh (m, d_model) = gradient, from dy (m, d_model) of h's dtype; weight gradients too. dh is of
  /// h's dtype, and may be dy, or fp32.
  void backward(Stream& stream, const FfnSaved& saved, const Tensor& dy, const Tensor& dh) const;

 private:
  WeightStack gate_up_;
  const Parameter& down_;
};

}  // namespace bam
