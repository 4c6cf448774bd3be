#pragma once

#include <optional>
#include <string>
#include <vector>

namespace bam::reference {

enum class AttentionRouting { kSoft, kTopK, kUniform };

/// Attention(h) = sum_j g_j MHA_j(h).
struct AttentionMixture {
  int experts = 0;
  AttentionRouting routing = AttentionRouting::kSoft;
  int top_k = 1;  // under kTopK
  bool shared_kv = false;
  bool renormalise = false;
  double beta = 0;  // weight of L_z
};

/// FFN(h) = sum over the chosen of p_i FFN_i(h).
struct FfnMixture {
  int experts = 0;
  int top_k = 1;
  bool renormalise = false;
  double alpha = 0;  // weight of L_LB
  double beta = 0;   // weight of L_z
};

/// The transformer's shape. Without an FFN mixture it is dense; without an attention mixture it has
/// one attention.
struct Config {
  int d_model = 0;
  int layers = 0;
  int heads = 0;
  int kv_heads = 0;
  bool tied = false;
  double theta = 0;    // of the rotary angles
  double epsilon = 0;  // of the norms
  std::optional<AttentionMixture> attention;
  std::optional<FfnMixture> ffn;

  int head_dim() const { return d_model / heads; }
};

/// Sequences of `length` tokens, one after the other.
struct Batch {
  int length = 0;
  std::vector<int> tokens;
  std::vector<int> targets;  // negative: not scored
  std::vector<int> starts;   // first row that a row may look at

  int rows() const { return static_cast<int>(tokens.size()); }
};

/// Names of a layer's weights: "layers.2.ffn.up", an expert's "layers.2.ffn.up[1]".
struct Names {
  int layer;
  int expert = -1;  // none

  std::string operator()(const std::string& weight) const {
    const std::string suffix = expert < 0 ? "" : "[" + std::to_string(expert) + "]";
    return "layers." + std::to_string(layer) + "." + weight + suffix;
  }
};

}  // namespace bam::reference
