#pragma once

#include <utility>

#include "model/key_value_cache.h"
#include "model/micro_batch.h"
#include "model/weight_stack.h"

namespace bam {

/// The projection to keys and values: an expert's own, those of several experts side by side
/// (columns e * kv_width on are expert e's), or one for all experts (shared KV).
class KeyValueProjection {
 public:
  KeyValueProjection(WeightStack k, WeightStack v) : k_(std::move(k)), v_(std::move(v)) {}

  /// h (n, d_model); k and v (n, rows of the weights).
  KeysValues forward(Stream& stream, const Tensor& h, const Tensor& positions,
                     const Tensor& rope_table) const;
  /// dh (n, d_model) fp32 += gradient; gradient.k is rotated back in place.
  void backward(Stream& stream, const Tensor& h, const KeysValues& gradient,
                const Tensor& positions, const Tensor& rope_table, const Tensor& dh) const;

 private:
  WeightStack k_;
  WeightStack v_;
};

/// Queries, keys and values of all the experts that a rank holds, in one product.
class JointProjection {
 public:
  /// qkv (width + 2 * kv_width, d_model): queries of all, then keys, then values.
  JointProjection(WeightStack qkv, std::int64_t kv_width)
      : qkv_(std::move(qkv)), kv_width_(kv_width) {}

  /// h (n, d_model); q (n, width) and kv.k rotated.
  void forward(Stream& stream, const Tensor& h, const Tensor& positions, const Tensor& rope_table,
               Tensor& q, KeysValues& kv) const;
  /// dh (n, d_model) fp32 += gradient.
  void backward(Stream& stream, const Tensor& h, const Tensor& dq, const KeysValues& gradient,
                const Tensor& positions, const Tensor& rope_table, const Tensor& dh) const;

 private:
  WeightStack qkv_;
  std::int64_t kv_width_;
};

/// What the backward of attention needs of some sequences; m queries over n keys. width: d_model
/// for each of the experts side by side.
struct AttentionSaved {
  Tensor rows;        // (m) int32: which of the layer's rows ask
  Tensor query_rows;  // (m) int32: key rows they stand at
  Tensor input;       // (m, d_model): h of those rows
  Tensor positions;   // (m) int32
  Tensor q;           // (m, width), rotated
  Tensor out;         // (m, width), before gates and output projections
  Tensor log_sums;    // (m, heads of all)
};

/// The projection to queries of one expert, or of several side by side.
class QueryProjection {
 public:
  /// q (width, d_model).
  explicit QueryProjection(WeightStack q) : q_(std::move(q)) {}

  /// From x (m, d_model): (m, width), rotated.
  Tensor forward(Stream& stream, const Tensor& x, const Tensor& positions,
                 const Tensor& rope_table) const;
  /// dx (m, d_model) fp32 += gradient; dq is rotated back in place.
  void backward(Stream& stream, const Tensor& x, const Tensor& dq, const Tensor& positions,
                const Tensor& rope_table, const Tensor& dx) const;

 private:
  WeightStack q_;
};

/// Softmax attention of one expert, or of several side by side: as each expert has heads and key
/// heads of its own, several are one with as many times the heads. MHA_j of the paper, but for the
/// projections. Fills saved.out and .log_sums from saved.query_rows and .q.
void attend(Stream& stream, const SequenceRows& sequences, const KeysValues& kv,
            AttentionSaved& saved);
/// From d_out (m, width): returns dq (m, width), and sets the gradients of keys and values.
Tensor attend_backward(Stream& stream, const SequenceRows& sequences, const KeysValues& kv,
                       const AttentionSaved& saved, const Tensor& d_out, KeysValues& gradient);

}  // namespace bam
