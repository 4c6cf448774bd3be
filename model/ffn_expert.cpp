#include "model/ffn_expert.h"

#include "model/linear.h"
#include "runtime/swiglu.h"

namespace bam {
namespace {

const Parameter& weight(const ParameterStore& store, int layer, const char* name,
                        const std::string& suffix) {
  return store.at("layers." + std::to_string(layer) + ".ffn." + name + suffix);
}

}  // namespace

FfnExpert::FfnExpert(const ParameterStore& store, int layer, const std::string& suffix)
    : gate_(weight(store, layer, "gate", suffix)),
      up_(weight(store, layer, "up", suffix)),
      down_(weight(store, layer, "down", suffix)) {}

// silu(gate(h)) * up(h), (m, hidden): the down projection's input.
Tensor FfnExpert::activations(Stream& stream, const Tensor& h, FfnSaved& saved) const {
  saved.input = h;
  saved.gate = linear(stream, h, gate_);
  saved.up = linear(stream, h, up_);
  Tensor activated(stream, saved.gate.shape(), h.dtype());
  swiglu(stream, saved.gate, saved.up, activated);
  return activated;
}

void FfnExpert::forward_each(Stream& stream, std::span<const FfnExpert> experts,
                             std::span<const Tensor> rows, std::span<FfnSaved> saved,
                             std::span<const Tensor> answers) {
  std::vector<Product> inner;
  for (std::size_t e = 0; e < experts.size(); ++e) {
    const Shape shape = {rows[e].rows(), experts[e].up_.value.rows()};
    saved[e] = {.input = rows[e],
                .gate = Tensor(stream, shape, rows[e].dtype()),
                .up = Tensor(stream, shape, rows[e].dtype())};
    inner.push_back({rows[e], transposed(experts[e].gate_.value), saved[e].gate});
    inner.push_back({rows[e], transposed(experts[e].up_.value), saved[e].up});
  }
  matmul_each(stream, inner);
  std::vector<Product> outer;
  for (std::size_t e = 0; e < experts.size(); ++e) {
    const Tensor activated(stream, saved[e].gate.shape(), rows[e].dtype());
    swiglu(stream, saved[e].gate, saved[e].up, activated);
    outer.push_back({activated, transposed(experts[e].down_.value), answers[e]});
  }
  matmul_each(stream, outer);
}

void FfnExpert::add_forward(Stream& stream, const Tensor& h, FfnSaved& saved,
                            const Tensor& sum) const {
  add_linear(stream, activations(stream, h, saved), down_, sum);
}

void FfnExpert::backward(Stream& stream, const FfnSaved& saved, const Tensor& dy,
                         const Tensor& dh) const {
  const Tensor d_activated = linear_input_gradient(stream, dy, down_);
  Tensor d_gate(stream, saved.gate.shape(), dy.dtype());
  Tensor d_up(stream, saved.gate.shape(), dy.dtype());
  const Tensor& activated = d_activated;  // overwritten last
  swiglu_backward(stream, saved.gate, saved.up, d_activated, d_gate, d_up, activated);
  add_linear_weight_gradient(stream, dy, activated, down_);
  add_linear_weight_gradient(stream, d_gate, saved.input, gate_);
  add_linear_weight_gradient(stream, d_up, saved.input, up_);
  add_linear_input_gradient(stream, d_gate, gate_, dh);
  add_linear_input_gradient(stream, d_up, up_, dh);
}

}  // namespace bam
