#include "model/ffn_expert.h"

#include "model/linear.h"
#include "runtime/swiglu.h"

namespace bam {
namespace {

const Parameter& weight(const ParameterStore& store, int layer, const char* name,
                        const std::string& suffix) {
  return store.at("layers." + std::to_string(layer) + ".ffn." + name + suffix);
}

// silu(gate) * up, (m, hidden): the down projection's input.
Tensor activated(Stream& stream, const Tensor& gate_up) {
  Tensor out(stream, {gate_up.rows(), gate_up.cols() / 2}, gate_up.dtype());
  swiglu(stream, gate_up, out);
  return out;
}

}  // namespace

FfnExpert::FfnExpert(const ParameterStore& store, int layer, const std::string& suffix)
    : gate_up_({&weight(store, layer, "gate", suffix), &weight(store, layer, "up", suffix)}),
      down_(weight(store, layer, "down", suffix)) {}

void FfnExpert::forward_each(Stream& stream, std::span<const FfnExpert> experts,
                             std::span<const Tensor> rows, std::span<FfnSaved> saved,
                             std::span<const Tensor> answers) {
  std::vector<Product> inner;
  for (std::size_t e = 0; e < experts.size(); ++e) {
    const Tensor& gate_up = experts[e].gate_up_.value();
    saved[e] = {.input = rows[e],
                .gate_up = Tensor(stream, {rows[e].rows(), gate_up.rows()}, rows[e].dtype())};
    inner.push_back({rows[e], transposed(gate_up), saved[e].gate_up});
  }
  matmul_each(stream, inner);
  std::vector<Product> outer;
  for (std::size_t e = 0; e < experts.size(); ++e) {
    outer.push_back(
        {activated(stream, saved[e].gate_up), transposed(experts[e].down_.value), answers[e]});
  }
  matmul_each(stream, outer);
}

void FfnExpert::forward(Stream& stream, const Tensor& h, FfnSaved& saved, const Tensor& x,
                        const Tensor& y) const {
  saved = {.input = h, .gate_up = linear(stream, h, gate_up_)};
  matmul_plus(stream, activated(stream, saved.gate_up), transposed(down_.value), x, y);
}

void FfnExpert::backward(Stream& stream, const FfnSaved& saved, const Tensor& dy,
                         const Tensor& dh) const {
  const Tensor d_activated = linear_input_gradient(stream, dy, down_);
  const Tensor d_gate_up(stream, saved.gate_up.shape(), dy.dtype());
  const Tensor& activated = d_activated;  // overwritten last
  swiglu_backward(stream, saved.gate_up, d_activated, d_gate_up, activated);
  add_linear_weight_gradient(stream, dy, activated, down_);
  add_linear_weight_gradient(stream, d_gate_up, saved.input, gate_up_);
  matmul(stream, d_gate_up, gate_up_.value(), dh);
}

}  // namespace bam
