#pragma once

#include <cstdint>
#include <optional>

namespace bam {

enum class AttentionRouting { kSoft, kTopK, kUniform };
enum class KeyValue { kPerExpert, kShared };

/// Attention experts: Attention(h) = sum_j g_j MHA_j(h) (paper, section 3).
struct AttentionMixture {
  int experts = 0;
  AttentionRouting routing = AttentionRouting::kSoft;
  int top_k = 1;  // under kTopK
  KeyValue key_value = KeyValue::kPerExpert;
  bool renormalise = false;  // under kTopK
  double z_loss = 0.0;

  bool has_router() const { return routing != AttentionRouting::kUniform; }
  /// Experts one token uses.
  int active() const { return routing == AttentionRouting::kTopK ? top_k : experts; }
};

/// FFN experts: FFN(h) = sum over the chosen of p_i FFN_i(h) (paper, section 3).
struct FfnMixture {
  int experts = 0;
  int top_k = 1;
  bool renormalise = false;
  double balance_loss = 0.01;  // alpha
  double z_loss = 0.001;       // beta
};

struct MixtureConfig {
  std::optional<AttentionMixture> attention;  // absent: one attention without a router (BTX)
  FfnMixture ffn;
  double router_init_std = 0.02;
};

/// The transformer's shape; see proto/run_config.proto for each field's meaning.
struct ModelConfig {
  std::int64_t vocabulary = 0;
  std::int64_t d_model = 0;
  int n_layers = 0;
  int n_heads = 0;
  int n_kv_heads = 0;
  std::int64_t ffn_hidden = 0;
  bool tied_embeddings = false;
  double rope_theta = 10000.0;
  double norm_epsilon = 1e-5;
  double init_std = 0.02;
  bool separate_documents = true;
  std::optional<MixtureConfig> mixture;  // absent: a dense model

  std::int64_t head_dim() const { return d_model / n_heads; }
  std::int64_t kv_width() const { return n_kv_heads * head_dim(); }
  bool has_attention_experts() const { return mixture && mixture->attention; }
  int attention_experts() const { return has_attention_experts() ? mixture->attention->experts : 1; }
  int ffn_experts() const { return mixture ? mixture->ffn.experts : 1; }
};

/// Throws BadInput, naming the field, unless the shape can be built.
void validate(const ModelConfig& config);

}  // namespace bam
