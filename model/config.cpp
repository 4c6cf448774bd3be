#include "model/config.h"

#include "runtime/check.h"

namespace bam {
namespace {

void validate(const AttentionMixture& attention) {
  check_input(attention.experts >= 2, "model.mixture.attention.experts: ", attention.experts,
              " where at least 2 were expected");
  if (attention.routing == AttentionRouting::kTopK) {
    check_input(1 <= attention.top_k && attention.top_k <= attention.experts,
                "model.mixture.attention.top_k: ", attention.top_k, " of ", attention.experts,
                " experts");
  }
}

void validate(const FfnMixture& ffn) {
  check_input(ffn.experts >= 2, "model.mixture.ffn.experts: ", ffn.experts,
              " where at least 2 were expected");
  check_input(1 <= ffn.top_k && ffn.top_k <= ffn.experts, "model.mixture.ffn.top_k: ", ffn.top_k,
              " of ", ffn.experts, " experts");
}

}  // namespace

void validate(const ModelConfig& config) {
  const auto positive = [](auto value, const char* field) {
    check_input(value > 0, "model.", field, ": ", value, " where a positive number was expected");
  };
  positive(config.vocabulary, "vocabulary");
  positive(config.d_model, "d_model");
  positive(config.n_layers, "n_layers");
  positive(config.n_heads, "n_heads");
  positive(config.n_kv_heads, "n_kv_heads");
  positive(config.ffn_hidden, "ffn_hidden");
  positive(config.rope_theta, "rope_theta");
  positive(config.norm_epsilon, "norm_epsilon");
  positive(config.init_std, "init_std");
  check_input(config.d_model % config.n_heads == 0, "model.d_model: ", config.d_model,
              " is not divisible by n_heads ", config.n_heads);
  check_input(config.head_dim() % 2 == 0, "model.n_heads: heads of odd width ", config.head_dim(),
              " have no rotary pairs");
  check_input(config.n_heads % config.n_kv_heads == 0, "model.n_kv_heads: ", config.n_kv_heads,
              " does not divide n_heads ", config.n_heads);
  if (config.mixture) {
    positive(config.mixture->router_init_std, "mixture.router_init_std");
    validate(config.mixture->ffn);
    if (config.mixture->attention) {
      validate(*config.mixture->attention);
    }
  }
}

}  // namespace bam
