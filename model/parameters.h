#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/config.h"
#include "runtime/tensor.h"

namespace bam {

enum class Role { kEmbedding, kOutput, kNorm, kAttentionRouter, kFfnRouter, kAttention, kFfn };

/// "embedding", "ffn_router", ...
std::string_view name_of(Role role);

/// One weight of the model. Sharding, optimiser, checkpoints, upcycling, inspection and the memory
/// model all read this and nothing else.
struct ParameterSpec {
  static constexpr int kNone = -1;

  std::string tensor;   // data set it is stored in, e.g. "layers.3.ffn.up"; experts are stacked there
  Shape shape;          // of this weight alone
  Role role;
  int layer = kNone;
  int expert = kNone;   // its row of the stacked data set; kNone: not an expert's weight
  int experts = 1;      // rows of the stacked data set
  double init_std = 0;  // 0: ones

  /// Unique: "layers.3.ffn.up[2]", or the tensor's name where there are no experts.
  std::string name() const;
  bool is_expert() const { return expert != kNone; }
  bool is_router() const { return role == Role::kAttentionRouter || role == Role::kFfnRouter; }
  std::int64_t elements() const { return elements_of(shape); }
  /// Shape of the data set: experts lead.
  Shape stacked_shape() const;
  /// First element of this weight within the data set.
  std::int64_t first_element() const { return is_expert() ? expert * elements() : 0; }
};

/// Every parameter of a model, once, in a fixed order; the experts of one tensor follow each other.
///
///   embedding (vocabulary, d)  output (vocabulary, d) if untied  final_norm (d)
///   layers.L.norm (d)          layers.L.attention_router, layers.L.ffn_router (experts, d)
///   layers.L.attention.q (heads * head_dim, d)  .k .v (kv_heads * head_dim, d)  .o (d, heads * head_dim)
///   layers.L.ffn.gate .up (hidden, d)  .down (d, hidden)
std::vector<ParameterSpec> parameter_specs(const ModelConfig& config);

/// Weights in all, and weights that one token uses: all but the FFN experts it does not choose
/// (all attention experts count, whatever the attention routing).
struct ParameterCount {
  std::int64_t total = 0;
  std::int64_t active = 0;
};
ParameterCount count_parameters(const ModelConfig& config);

/// A fixed piece of one weight: the unit of ZeRO shards and of checkpoint hashes.
struct Tile {
  int spec = 0;            // index into parameter_specs
  std::int64_t begin = 0;  // elements [begin, end) of that weight
  std::int64_t end = 0;

  std::int64_t elements() const { return end - begin; }
};

/// Elements of a tile; a weight's last tile may be shorter.
inline constexpr std::int64_t kTileElements = std::int64_t{1} << 18;

/// The tiles of all specs, in order.
std::vector<Tile> tiles_of(const std::vector<ParameterSpec>& specs);

}  // namespace bam
