#include "model/parameters.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace bam {
namespace {

// Appends specs; experts of one tensor share all but their index.
class Inventory {
 public:
  void add(ParameterSpec spec) { specs_.push_back(std::move(spec)); }

  void add_experts(ParameterSpec spec, int experts) {
    spec.experts = experts;
    for (spec.expert = 0; spec.expert < experts; ++spec.expert) {
      specs_.push_back(spec);
    }
  }

  std::vector<ParameterSpec> take() { return std::move(specs_); }

 private:
  std::vector<ParameterSpec> specs_;
};

void add_attention(Inventory& inventory, const ModelConfig& config, int layer) {
  const std::string prefix = "layers." + std::to_string(layer) + ".";
  const std::int64_t d = config.d_model;
  const double residual_std = config.init_std / std::sqrt(2.0 * config.n_layers);
  const auto weight = [&](const char* name, Shape shape, double std) {
    return ParameterSpec{.tensor = prefix + "attention." + name, .shape = std::move(shape),
                         .role = Role::kAttention, .layer = layer, .init_std = std};
  };
  const ParameterSpec q = weight("q", {d, d}, config.init_std);
  const ParameterSpec k = weight("k", {config.kv_width(), d}, config.init_std);
  const ParameterSpec v = weight("v", {config.kv_width(), d}, config.init_std);
  const ParameterSpec o = weight("o", {d, d}, residual_std);

  if (!config.has_attention_experts()) {
    for (const ParameterSpec& spec : {q, k, v, o}) {
      inventory.add(spec);
    }
    return;
  }
  const AttentionMixture& mixture = *config.mixture->attention;
  if (mixture.has_router()) {
    inventory.add({.tensor = prefix + "attention_router", .shape = {mixture.experts, d},
                   .role = Role::kAttentionRouter, .layer = layer,
                   .init_std = config.mixture->router_init_std});
  }
  const bool shared = mixture.key_value == KeyValue::kShared;
  inventory.add_experts(q, mixture.experts);
  for (const ParameterSpec& spec : {k, v}) {
    if (shared) {
      inventory.add(spec);
    } else {
      inventory.add_experts(spec, mixture.experts);
    }
  }
  inventory.add_experts(o, mixture.experts);
}

void add_ffn(Inventory& inventory, const ModelConfig& config, int layer) {
  const std::string prefix = "layers." + std::to_string(layer) + ".";
  const std::int64_t d = config.d_model;
  const double residual_std = config.init_std / std::sqrt(2.0 * config.n_layers);
  const auto weight = [&](const char* name, Shape shape, double std) {
    return ParameterSpec{.tensor = prefix + "ffn." + name, .shape = std::move(shape),
                         .role = Role::kFfn, .layer = layer, .init_std = std};
  };
  if (config.mixture) {
    inventory.add({.tensor = prefix + "ffn_router", .shape = {config.ffn_experts(), d},
                   .role = Role::kFfnRouter, .layer = layer,
                   .init_std = config.mixture->router_init_std});
  }
  for (const ParameterSpec& spec : {weight("gate", {config.ffn_hidden, d}, config.init_std),
                                    weight("up", {config.ffn_hidden, d}, config.init_std),
                                    weight("down", {d, config.ffn_hidden}, residual_std)}) {
    if (config.mixture) {
      inventory.add_experts(spec, config.ffn_experts());
    } else {
      inventory.add(spec);
    }
  }
}

}  // namespace

std::string_view name_of(Role role) {
  switch (role) {
    case Role::kEmbedding: return "embedding";
    case Role::kOutput: return "output";
    case Role::kNorm: return "norm";
    case Role::kAttentionRouter: return "attention_router";
    case Role::kFfnRouter: return "ffn_router";
    case Role::kAttention: return "attention";
    case Role::kFfn: return "ffn";
  }
  return "?";
}

std::string ParameterSpec::name() const {
  return is_expert() ? tensor + "[" + std::to_string(expert) + "]" : tensor;
}

Shape ParameterSpec::stacked_shape() const {
  if (!is_expert()) {
    return shape;
  }
  Shape stacked = shape;
  stacked.insert(stacked.begin(), experts);
  return stacked;
}

std::vector<ParameterSpec> parameter_specs(const ModelConfig& config) {
  Inventory inventory;
  const Shape table = {config.vocabulary, config.d_model};
  inventory.add({.tensor = "embedding", .shape = table, .role = Role::kEmbedding,
                 .init_std = config.init_std});
  if (!config.tied_embeddings) {
    inventory.add({.tensor = "output", .shape = table, .role = Role::kOutput,
                   .init_std = config.init_std});
  }
  inventory.add({.tensor = "final_norm", .shape = {config.d_model}, .role = Role::kNorm});
  for (int layer = 0; layer < config.n_layers; ++layer) {
    inventory.add({.tensor = "layers." + std::to_string(layer) + ".norm",
                   .shape = {config.d_model}, .role = Role::kNorm, .layer = layer});
    add_attention(inventory, config, layer);
    add_ffn(inventory, config, layer);
  }
  return inventory.take();
}

ParameterCount count_parameters(const ModelConfig& config) {
  ParameterCount count;
  const int top_k = config.mixture ? config.mixture->ffn.top_k : 1;
  for (const ParameterSpec& spec : parameter_specs(config)) {
    count.total += spec.elements();
    const bool is_idle = spec.role == Role::kFfn && spec.is_expert() && spec.expert >= top_k;
    count.active += is_idle ? 0 : spec.elements();
  }
  return count;
}

std::vector<Tile> tiles_of(const std::vector<ParameterSpec>& specs) {
  std::vector<Tile> tiles;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const std::int64_t elements = specs[i].elements();
    for (std::int64_t begin = 0; begin < elements; begin += kTileElements) {
      tiles.push_back({static_cast<int>(i), begin, std::min(begin + kTileElements, elements)});
    }
  }
  return tiles;
}

}  // namespace bam
