#include "tests/reference/block.h"

#include "tests/reference/attention.h"
#include "tests/reference/ffn.h"
#include "tests/reference/layer_norm.h"

namespace bam::reference {
namespace {

// Whose keys and values attention expert j uses.
Names keys_of(const AttentionMixture& mixture, int layer, int j) {
  return mixture.shared_kv ? Names{layer} : Names{layer, j};
}

// g (n, experts).
Matrix attention_gates(const Config& config, const Weights& w, int layer, const Matrix& h) {
  if (const auto routing = attention_routing(config, w, layer, h)) {
    return routing->gates;
  }
  Matrix gates(h.rows, config.attention->experts);
  for (double& gate : gates.values) {
    gate = 1.0 / config.attention->experts;
  }
  return gates;
}

// d_gates(i, e) = <dy_i, answer_i>.
void set_gate_gradient(const Matrix& dy, const Matrix& answer, int e, Matrix& d_gates) {
  for (int i = 0; i < dy.rows; ++i) {
    d_gates(i, e) = dot_row(dy, answer, i);
  }
}

}  // namespace

std::optional<Routing> attention_routing(const Config& config, const Weights& w, int layer,
                                         const Matrix& h) {
  if (!config.attention || config.attention->routing == AttentionRouting::kUniform) {
    return std::nullopt;
  }
  const AttentionMixture& mixture = *config.attention;
  const bool sparse = mixture.routing == AttentionRouting::kTopK;
  return route(h, w.at(Names{layer}("attention_router")), sparse ? mixture.top_k : mixture.experts,
               sparse && mixture.renormalise);
}

std::optional<Routing> ffn_routing(const Config& config, const Weights& w, int layer,
                                   const Matrix& h) {
  if (!config.ffn) {
    return std::nullopt;
  }
  return route(h, w.at(Names{layer}("ffn_router")), config.ffn->top_k, config.ffn->renormalise);
}

Matrix attention_layer(const Config& config, const Batch& batch, const Weights& w, int layer,
                       const Matrix& h) {
  if (!config.attention) {
    return multi_head_attention(config, batch, w, {layer}, {layer}, h);
  }
  const Matrix g = attention_gates(config, w, layer, h);
  Matrix y(h.rows, h.cols);
  for (int j = 0; j < config.attention->experts; ++j) {
    const Names keys = keys_of(*config.attention, layer, j);
    add(scaled_rows(multi_head_attention(config, batch, w, {layer, j}, keys, h), g, j), y);
  }
  return y;
}

Matrix ffn_layer(const Config& config, const Weights& w, int layer, const Matrix& h) {
  if (!config.ffn) {
    return ffn(w, {layer}, h);
  }
  const Matrix g = ffn_routing(config, w, layer, h)->gates;
  Matrix y(h.rows, h.cols);
  for (int i = 0; i < config.ffn->experts; ++i) {
    add(scaled_rows(ffn(w, {layer, i}, h), g, i), y);
  }
  return y;
}

Matrix block(const Config& config, const Batch& batch, const Weights& w, int layer,
             const Matrix& x) {
  const Matrix h = layer_norm(x, w.at(Names{layer}("norm")), config.epsilon);
  Matrix y = x;
  add(attention_layer(config, batch, w, layer, h), y);
  add(ffn_layer(config, w, layer, h), y);
  return y;
}

Matrix attention_layer_backward(const Config& config, const Batch& batch, const Weights& w,
                                int layer, const Matrix& h, const Matrix& dy, Weights& dw) {
  if (!config.attention) {
    return multi_head_attention_backward(config, batch, w, {layer}, {layer}, h, dy, dw);
  }
  const AttentionMixture& mixture = *config.attention;
  const Matrix g = attention_gates(config, w, layer, h);
  Matrix d_gates(g.rows, g.cols);
  Matrix dh(h.rows, h.cols);
  for (int j = 0; j < mixture.experts; ++j) {
    const Names keys = keys_of(mixture, layer, j);
    const Matrix answer = multi_head_attention(config, batch, w, {layer, j}, keys, h);
    set_gate_gradient(dy, answer, j, d_gates);
    add(multi_head_attention_backward(config, batch, w, {layer, j}, keys, h, scaled_rows(dy, g, j),
                                      dw),
        dh);
  }
  if (const auto routing = attention_routing(config, w, layer, h)) {
    const std::string router = Names{layer}("attention_router");
    const bool renormalise = mixture.routing == AttentionRouting::kTopK && mixture.renormalise;
    add(route_backward(h, w.at(router), *routing, renormalise, d_gates, {0, mixture.beta},
                       dw.at(router)),
        dh);
  }
  return dh;
}

Matrix ffn_layer_backward(const Config& config, const Weights& w, int layer, const Matrix& h,
                          const Matrix& dy, Weights& dw) {
  if (!config.ffn) {
    return ffn_backward(w, {layer}, h, dy, dw);
  }
  const FfnMixture& mixture = *config.ffn;
  const Routing routing = *ffn_routing(config, w, layer, h);
  Matrix d_gates(h.rows, mixture.experts);
  Matrix dh(h.rows, h.cols);
  for (int i = 0; i < mixture.experts; ++i) {
    set_gate_gradient(dy, ffn(w, {layer, i}, h), i, d_gates);
    add(ffn_backward(w, {layer, i}, h, scaled_rows(dy, routing.gates, i), dw), dh);
  }
  const std::string router = Names{layer}("ffn_router");
  add(route_backward(h, w.at(router), routing, mixture.renormalise, d_gates,
                     {mixture.alpha, mixture.beta}, dw.at(router)),
      dh);
  return dh;
}

Matrix block_backward(const Config& config, const Batch& batch, const Weights& w, int layer,
                      const Matrix& x, const Matrix& dy, Weights& dw) {
  const std::string norm = Names{layer}("norm");
  const Matrix h = layer_norm(x, w.at(norm), config.epsilon);
  Matrix dh = attention_layer_backward(config, batch, w, layer, h, dy, dw);
  add(ffn_layer_backward(config, w, layer, h, dy, dw), dh);
  Matrix dx = layer_norm_backward(x, w.at(norm), config.epsilon, dh, dw.at(norm));
  add(dy, dx);
  return dx;
}

}  // namespace bam::reference
