#pragma once

#include <optional>

#include "model/attention_layer.h"
#include "model/ffn_layer.h"

namespace bam {

/// What backward needs of one block, besides its input.
struct BlockSaved {
  Tensor statistics;  // (n, 2): LayerNorm's
  Tensor h;           // (n, d_model): LayerNorm's output
  AttentionLayerSaved attention;
  FfnLayerSaved ffn;
};

/// One parallel-attention block: y = x + Attention(h) + FFN(h), h = LayerNorm(x). Attention and FFN
/// take the same h, so each hides the other's transfers (docs/architecture.md).
class Block {
 public:
  Block(const ModelConfig& config, const ParameterStore& store, const Placement& placement,
        int layer, Exchange& exchange, DType activations);

  /// y (n, d_model) fp32 from x (n, d_model) fp32. With a cache: the rows go on where it ends.
  Tensor forward(Stream& stream, const MicroBatch& micro, const Tensor& rope_table, const Tensor& x,
                 BlockSaved& saved, LayerCache* cache = nullptr) const;
  /// dx (n, d_model) fp32 holds dy and receives the gradient of x: through the residual (already
  /// there) and through the block. `low`: dx in the activations' dtype before and after; dx itself
  /// where that is fp32.
  void backward(Stream& stream, const MicroBatch& micro, const Tensor& rope_table, const Tensor& x,
                const BlockSaved& saved, const AuxiliarySlopes& auxiliary, const Tensor& dx,
                const Tensor& low) const;

 private:
  double norm_epsilon_;
  double attention_z_loss_;
  DType activations_;
  const Parameter& norm_;
  AttentionLayer attention_;
  FfnLayer ffn_;
};

}  // namespace bam
