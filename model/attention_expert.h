#pragma once

#include <optional>

#include "model/key_value_cache.h"
#include "model/micro_batch.h"
#include "model/parameter_store.h"

namespace bam {

/// The projection to keys and values: an expert's own, or one for all experts (shared KV).
class KeyValueProjection {
 public:
  KeyValueProjection(const ParameterStore& store, int layer, const std::string& suffix);

  /// h (n, d_model).
  KeysValues forward(Stream& stream, const Tensor& h, const Tensor& positions,
                     const Tensor& rope_table) const;
  /// dh (n, d_model) fp32 += gradient; gradient.k is rotated back in place.
  void backward(Stream& stream, const Tensor& h, const KeysValues& gradient,
                const Tensor& positions, const Tensor& rope_table, const Tensor& dh) const;

 private:
  const Parameter& k_;
  const Parameter& v_;
};

/// What one attention's backward needs of some sequences; m queries over n keys.
struct AttentionSaved {
  Tensor rows;        // (m) int32: which of the layer's rows ask
  Tensor query_rows;  // (m) int32: key rows they stand at
  Tensor input;       // (m, d_model): h of those rows
  Tensor positions;   // (m) int32
  Tensor q;           // (m, d_model), rotated
  Tensor out;         // (m, d_model), before the gate and the output projection
  Tensor log_sums;    // (m, heads)
};

/// Queries and output projection of one attention: MHA_j of the paper, given its keys and values.
class AttentionExpert {
 public:
  AttentionExpert(const ParameterStore& store, int layer, const std::string& suffix);

  /// Fills saved.q, .out, .log_sums from saved.query_rows, .input and .positions.
  void attend(Stream& stream, const SequenceRows& sequences, const KeysValues& kv,
              const Tensor& rope_table, AttentionSaved& saved) const;
  /// sum (m, d_model) fp32 += weighted Wo^T, weighted = gate * out (m, d_model).
  void project(Stream& stream, const Tensor& weighted, const Tensor& sum) const;
  /// u = dy Wo (m, d_model): with it the gate's gradient is <u, out>. Adds Wo's gradient.
  Tensor project_backward(Stream& stream, const Tensor& dy, const Tensor& weighted) const;
  /// dx (m, d_model) fp32 += the queries' gradient; returns that of keys and values.
  KeysValues attend_backward(Stream& stream, const SequenceRows& sequences, const KeysValues& kv,
                             const Tensor& rope_table, const AttentionSaved& saved,
                             const Tensor& d_out, const Tensor& dx) const;

 private:
  const Parameter& q_;
  const Parameter& o_;
};

}  // namespace bam
