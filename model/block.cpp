#include "model/block.h"

#include "model/linear.h"
#include "runtime/elementwise.h"
#include "runtime/layer_norm.h"

namespace bam {

Block::Block(const ModelConfig& config, const ParameterStore& store, const Placement& placement,
             int layer, Exchange& exchange, DType activations)
    : norm_epsilon_(config.norm_epsilon),
      attention_z_loss_(config.has_attention_experts() ? config.mixture->attention->z_loss : 0),
      activations_(activations),
      norm_(store.at("layers." + std::to_string(layer) + ".norm")),
      attention_(config, store, placement, layer, exchange),
      ffn_(config, store, placement, layer, exchange) {}

Tensor Block::forward(Stream& stream, const MicroBatch& micro, const Tensor& rope_table,
                      const Tensor& x, BlockSaved& saved, LayerCache* cache) const {
  saved.h = Tensor(stream, x.shape(), activations_);
  saved.statistics = Tensor(stream, {x.rows(), 2}, DType::kFloat32);
  layer_norm(stream, x, norm_.value, norm_epsilon_, saved.h, saved.statistics);
  Tensor y(stream, x.shape(), DType::kFloat32);
  if (ffn_.is_dense()) {
    ffn_.dense(stream, saved.h, saved.ffn, x, y);
  } else {
    copy(stream, x, y);
  }

  AttentionFlight attention;
  FfnFlight ffn;
  ffn_.start(stream, micro.capacity, saved.h, saved.ffn, ffn);
  attention_.start(stream, micro, saved.h, saved.attention, attention);
  attention_.own(stream, micro, rope_table, saved.attention, y, cache);  // covers both transfers
  attention_.others(stream, micro, rope_table, saved.attention, attention);
  ffn_.arrivals(stream, saved.ffn, ffn);  // covers the results' return
  ffn_.own(stream, saved.ffn, ffn);       // covers the combine
  attention_.finish(stream, micro, attention, y);
  ffn_.finish(stream, saved.ffn, ffn, y);
  return y;
}

void Block::backward(Stream& stream, const MicroBatch& micro, const Tensor& rope_table,
                     const Tensor& x, const BlockSaved& saved, const AuxiliarySlopes& auxiliary,
                     const Tensor& dx, const Tensor& low) const {
  const Tensor dh(stream, x.shape(), DType::kFloat32);
  const Tensor d_gates = attention_.gate_gradients(stream, x.rows());

  AttentionFlight attention;
  FfnFlight ffn;
  const Tensor d_chosen = ffn_.start_backward(stream, saved.ffn, dx, ffn);
  attention_.start_backward(stream, micro, saved.attention, low, attention);
  if (ffn_.is_dense()) {
    ffn_.dense_backward(stream, saved.ffn, low, dh);
  } else {
    fill_zero(stream, dh);
  }
  attention_.own_backward(stream, micro, rope_table, saved.attention, low, dh, d_gates);
  attention_.others_backward(stream, micro, rope_table, saved.attention, attention);
  ffn_.arrivals_backward(stream, saved.ffn, ffn);
  ffn_.own_backward(stream, saved.ffn, ffn);
  const double attention_z = attention_z_loss_ * auxiliary.per_row;
  attention_.finish_backward(stream, micro, saved.attention, attention_z, attention, dh, d_gates);
  ffn_.finish_backward(stream, saved.h, saved.ffn, d_chosen, auxiliary, ffn, dh);
  layer_norm_backward(stream, x, norm_.value, saved.statistics, dh, dx, norm_.gradient,
                      low.dtype() == DType::kBFloat16 ? low : Tensor());
}

}  // namespace bam
