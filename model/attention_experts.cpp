#include "model/attention_experts.h"

#include <algorithm>

#include "model/linear.h"
#include "runtime/check.h"
#include "runtime/elementwise.h"
#include "runtime/routing.h"
#include "runtime/sparse_gates.h"

namespace bam {
namespace {

Tensor zeros(Stream& stream, const Shape& shape) {
  Tensor out(stream, shape, DType::kFloat32);
  fill_zero(stream, out);
  return out;
}

Tensor gathered(Stream& stream, const Tensor& in, const Tensor& rows) {
  Tensor out(stream, {rows.rows(), in.cols()}, in.dtype());
  gather_rows(stream, in, rows, out);
  return out;
}

// Sum of the experts' gradients in fp32, rounded once.
Tensor sum_of(Stream& stream, const std::vector<KeysValues>& gradients, Tensor KeysValues::*part) {
  const Tensor& first = gradients.front().*part;
  const Tensor sum = zeros(stream, first.shape());
  for (const KeysValues& gradient : gradients) {
    add(stream, gradient.*part, sum);
  }
  return as_dtype(stream, sum, first.dtype());
}

}  // namespace

AttentionExperts::AttentionExperts(const ModelConfig& config, const ParameterStore& store,
                                   int layer, std::vector<int> held)
    : held_(std::move(held)) {
  if (!config.has_attention_experts()) {
    experts_.emplace_back(store, layer, "");
    own_kv_.emplace_back(store, layer, "");
    return;
  }
  const AttentionMixture& mixture = *config.mixture->attention;
  sparse_ = mixture.routing == AttentionRouting::kTopK;
  const bool shared = mixture.key_value == KeyValue::kShared;
  if (shared) {
    shared_kv_.emplace(store, layer, "");
  }
  for (const int expert : held_) {
    const std::string suffix = "[" + std::to_string(expert) + "]";
    experts_.emplace_back(store, layer, suffix);
    if (!shared) {
      own_kv_.emplace_back(store, layer, suffix);
    }
  }
}

// Among the held experts.
std::size_t AttentionExperts::place_of(int expert) const {
  const auto found = std::ranges::lower_bound(held_, expert);
  check(found != held_.end() && *found == expert, "attention expert ", expert,
        " is not held by this rank");
  return static_cast<std::size_t>(found - held_.begin());
}

void AttentionExperts::forward(Stream& stream, const AttentionPart& part, const Tensor& rope_table,
                               AttentionSliceSaved& saved, const Tensor& sum,
                               LayerCache* cache) const {
  const SequenceRows& sequences = part.sequences;
  if (shared_kv_ && !part.experts.empty()) {
    saved.shared_kv = keys_values(stream, sequences, rope_table, *shared_kv_, saved.h, cache, 0);
  }
  saved.experts.resize(part.experts.size());
  const std::vector<Tensor> used = rows_of_each(stream, part, saved.gates);
  for (std::size_t i = 0; i < part.experts.size(); ++i) {
    const int expert = part.experts[i];
    const std::size_t e = place_of(expert);
    AttentionSliceSaved::OfExpert& own = saved.experts[i];
    select_queries(stream, sequences, used[i], saved, own);
    if (!shared_kv_) {
      own.kv = keys_values(stream, sequences, rope_table, own_kv_[e], saved.h, cache, e);
    }
    const KeysValues& kv = shared_kv_ ? saved.shared_kv : own.kv;
    experts_[e].attend(stream, sequences, kv, rope_table, own.attention);
    const Tensor weighted = weighted_output(stream, own, expert);
    if (!sparse_) {
      experts_[e].project(stream, weighted, sum);
      continue;
    }
    const Tensor projected = zeros(stream, {weighted.rows(), sum.cols()});
    experts_[e].project(stream, weighted, projected);
    scatter_add_rows(stream, projected, own.attention.rows, sum);
  }
}

KeysValues AttentionExperts::keys_values(Stream& stream, const SequenceRows& sequences,
                                         const Tensor& rope_table,
                                         const KeyValueProjection& projection, const Tensor& h,
                                         LayerCache* cache, std::size_t entry) const {
  KeysValues fresh = projection.forward(stream, h, sequences.positions, rope_table);
  const std::int64_t seen = sequences.shape.keys() - sequences.count();
  return cache == nullptr ? fresh : cache->append(stream, entry, fresh, seen);
}

// The rows that choose each expert of the part; all of them where routing is soft.
std::vector<Tensor> AttentionExperts::rows_of_each(Stream& stream, const AttentionPart& part,
                                                   const Tensor& gates) const {
  if (!sparse_) {
    return std::vector<Tensor>(part.experts.size(), part.sequences.rows);
  }
  std::vector<std::vector<int>> alone;
  for (const int expert : part.experts) {
    alone.push_back({expert});
  }
  return rows_using(stream, gates, alone);
}

void AttentionExperts::select_queries(Stream& stream, const SequenceRows& sequences,
                                      const Tensor& rows, const AttentionSliceSaved& saved,
                                      AttentionSliceSaved::OfExpert& own) const {
  AttentionSaved& attention = own.attention;
  attention.rows = rows;
  if (!sparse_) {
    attention.query_rows = sequences.rows;
    attention.input = saved.h;
    attention.positions = sequences.positions;
    own.row_gates = saved.gates;
    return;
  }
  const Shape m = {attention.rows.rows()};
  attention.query_rows = gathered(stream, sequences.rows, attention.rows).reshape(m);
  attention.positions = gathered(stream, sequences.positions, attention.rows).reshape(m);
  attention.input = gathered(stream, saved.h, attention.rows);
  own.row_gates = gathered(stream, saved.gates, attention.rows);
}

Tensor AttentionExperts::weighted_output(Stream& stream, const AttentionSliceSaved::OfExpert& own,
                                         int expert) const {
  const Tensor& out = own.attention.out;
  if (own.row_gates.shape().empty()) {
    return out;
  }
  Tensor weighted(stream, out.shape(), out.dtype());
  scale_rows(stream, out, own.row_gates, expert, weighted);
  return weighted;
}

void AttentionExperts::backward(Stream& stream, const AttentionPart& part, const Tensor& rope_table,
                                const AttentionSliceSaved& saved, const Tensor& dy,
                                const Tensor& dh, const Tensor& d_gates) const {
  const SequenceRows& sequences = part.sequences;
  std::vector<KeysValues> shared_gradients;
  for (std::size_t i = 0; i < part.experts.size(); ++i) {
    const int expert = part.experts[i];
    const std::size_t e = place_of(expert);
    const AttentionSliceSaved::OfExpert& own = saved.experts[i];
    const Tensor& rows = own.attention.rows;
    const Tensor dy_rows = sparse_ ? gathered(stream, dy, rows) : dy;
    const Tensor weighted = weighted_output(stream, own, expert);
    const Tensor u = experts_[e].project_backward(stream, dy_rows, weighted);
    if (!own.row_gates.shape().empty()) {
      const Tensor d_row_gates = zeros(stream, own.row_gates.shape());
      dot_rows(stream, u, own.attention.out, d_row_gates, expert);
      scatter_add_rows(stream, d_row_gates, rows, d_gates);
      scale_rows(stream, u, own.row_gates, expert, u);
    }
    const Tensor dx = sparse_ ? zeros(stream, {rows.rows(), dh.cols()}) : dh;
    const KeysValues& kv = shared_kv_ ? saved.shared_kv : own.kv;
    KeysValues gradient =
        experts_[e].attend_backward(stream, sequences, kv, rope_table, own.attention, u, dx);
    if (sparse_) {
      scatter_add_rows(stream, dx, rows, dh);
    }
    if (shared_kv_) {
      shared_gradients.push_back(std::move(gradient));
    } else {
      own_kv_[e].backward(stream, saved.h, gradient, sequences.positions, rope_table, dh);
    }
  }
  if (!shared_gradients.empty()) {
    shared_backward(stream, sequences, rope_table, saved, shared_gradients, dh);
  }
}

void AttentionExperts::shared_backward(Stream& stream, const SequenceRows& sequences,
                                       const Tensor& rope_table, const AttentionSliceSaved& saved,
                                       const std::vector<KeysValues>& gradients,
                                       const Tensor& dh) const {
  const KeysValues sum{sum_of(stream, gradients, &KeysValues::k),
                       sum_of(stream, gradients, &KeysValues::v)};
  shared_kv_->backward(stream, saved.h, sum, sequences.positions, rope_table, dh);
}

}  // namespace bam
