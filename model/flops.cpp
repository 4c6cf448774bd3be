#include "model/flops.h"

namespace bam {
namespace {

struct AttentionUse {
  double queries = 1;  // query/output projections and score products a token
  double keys = 1;     // key/value projections a token
  double routers = 0;  // experts the router scores
};

AttentionUse attention_use(const ModelConfig& config) {
  if (!config.has_attention_experts()) {
    return {};
  }
  const AttentionMixture& mixture = *config.mixture->attention;
  return {.queries = static_cast<double>(mixture.active()),
          .keys = mixture.key_value == KeyValue::kShared ? 1.0 : mixture.experts,
          .routers = mixture.has_router() ? static_cast<double>(mixture.experts) : 0.0};
}

}  // namespace

double forward_flops(const ModelConfig& config, double sequences, double length) {
  const auto d = static_cast<double>(config.d_model);
  const auto kv = static_cast<double>(config.kv_width());
  const auto hidden = static_cast<double>(config.ffn_hidden);
  const AttentionUse use = attention_use(config);
  const double ffn_active = config.mixture ? config.mixture->ffn.top_k : 1;
  const double ffn_routers = config.mixture ? config.mixture->ffn.experts : 0;
  const double tokens = sequences * length;
  const double pairs = sequences * length * (length + 1) / 2;

  const double projections = use.queries * 2 * (2 * d * d) + use.keys * 2 * (2 * d * kv);
  const double ffn = ffn_active * 3 * (2 * d * hidden);
  const double routers = (use.routers + ffn_routers) * 2 * d;
  const double layer = tokens * (projections + ffn + routers) + use.queries * pairs * 2 * (2 * d);
  const double head = tokens * 2 * d * static_cast<double>(config.vocabulary);
  return config.n_layers * layer + head;
}

double training_flops(const ModelConfig& config, double sequences, double length) {
  return 3 * forward_flops(config, sequences, length);
}

}  // namespace bam
