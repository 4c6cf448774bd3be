#include "model/attention_experts.h"

#include "model/linear.h"
#include "runtime/elementwise.h"
#include "runtime/routing.h"
#include "runtime/sparse_gates.h"

namespace bam {
namespace {

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

RunOutputs outputs_of(const AttentionSliceSaved::OfRun& own) {
  return {own.run, own.attention.out, own.row_gates};
}

}  // namespace

AttentionExperts::AttentionExperts(const ModelConfig& config, const ParameterStore& store,
                                   int layer, std::vector<int> held)
    : held_(std::move(held)) {
  if (config.has_attention_experts()) {
    const AttentionMixture& mixture = *config.mixture->attention;
    sparse_ = mixture.routing == AttentionRouting::kTopK;
    shared_ = mixture.key_value == KeyValue::kShared;
  }
  const std::string prefix = "layers." + std::to_string(layer) + ".attention.";
  const auto add = [&](const char* name, const std::string& suffix, Weights& weights) {
    weights.push_back(&store.at(prefix + name + suffix));
  };
  Weights o;
  for (const int expert : held_) {
    const std::string suffix =
        config.has_attention_experts() ? "[" + std::to_string(expert) + "]" : "";
    add("q", suffix, q_);
    add("o", suffix, o);
    if (!shared_) {
      add("k", suffix, k_);
      add("v", suffix, v_);
    }
  }
  if (shared_) {
    add("k", "", k_);
    add("v", "", v_);
  }
  outputs_ = ExpertOutputs(std::move(o));
}

std::vector<ExpertRun> AttentionExperts::runs_of_part(const Stream& stream,
                                                      const AttentionPart& part) const {
  const bool is_alone = sparse_ || shared_;
  return runs_of(part.experts, held_,
                 is_alone ? 1 : attentions_at_once(stream, part.sequences.shape));
}

KeyValueProjection AttentionExperts::own_kv(const ExpertRun& run) const {
  return {stack_of(k_, run), stack_of(v_, run)};
}

KeyValueProjection AttentionExperts::shared_kv() const {
  return {WeightStack(k_), WeightStack(v_)};
}

QueryProjection AttentionExperts::queries(const ExpertRun& run) const {
  return QueryProjection(stack_of(q_, run));
}

// A GPU multiplies wide matrices faster; a CPU needs no wider ones, and the memory.
bool AttentionExperts::is_joint(const Stream& stream, const ExpertRun& run) const {
  return stream.device() == DeviceKind::kCuda && !sparse_ && !shared_ &&
         run.count() == held_.size();
}

JointProjection AttentionExperts::joint() const {
  Weights all = q_;
  all.insert(all.end(), k_.begin(), k_.end());
  all.insert(all.end(), v_.begin(), v_.end());
  return {WeightStack(all), std::ssize(k_) * k_.front()->value.rows()};
}

// The run's queries, and its own keys and values where there are such.
void AttentionExperts::project_inputs(Stream& stream, const SequenceRows& sequences,
                                      const Tensor& rope_table, const Tensor& h, LayerCache* cache,
                                      AttentionSliceSaved::OfRun& own) const {
  AttentionSaved& attention = own.attention;
  if (cache == nullptr && is_joint(stream, own.run)) {
    joint().forward(stream, h, attention.positions, rope_table, attention.q, own.kv);
    return;
  }
  attention.q = queries(own.run).forward(stream, attention.input, attention.positions, rope_table);
  if (!shared_) {
    own.kv = keys_values(stream, sequences, rope_table, own_kv(own.run), h, cache, own.run.first);
  }
}

// dx: of the queries' rows; dh itself where routing is soft.
void AttentionExperts::project_inputs_backward(Stream& stream, const SequenceRows& sequences,
                                               const Tensor& rope_table, const Tensor& h,
                                               const AttentionSliceSaved::OfRun& own,
                                               const Tensor& dq, const KeysValues& gradient,
                                               const Tensor& dh, const Tensor& dx) const {
  const AttentionSaved& attention = own.attention;
  if (is_joint(stream, own.run)) {
    joint().backward(stream, h, dq, gradient, attention.positions, rope_table, dh);
    return;
  }
  queries(own.run).backward(stream, attention.input, dq, attention.positions, rope_table, dx);
  if (!shared_) {
    own_kv(own.run).backward(stream, h, gradient, sequences.positions, rope_table, dh);
  }
}

void AttentionExperts::forward(Stream& stream, const AttentionPart& part, const Tensor& rope_table,
                               AttentionSliceSaved& saved, const Tensor& sum,
                               LayerCache* cache) const {
  const SequenceRows& sequences = part.sequences;
  if (shared_ && !part.experts.empty()) {
    saved.shared_kv = keys_values(stream, sequences, rope_table, shared_kv(), saved.h, cache, 0);
  }
  const std::vector<ExpertRun> runs = runs_of_part(stream, part);
  const std::vector<Tensor> used = rows_of_each(stream, part, saved.gates);
  saved.runs.resize(runs.size());
  for (std::size_t i = 0; i < runs.size(); ++i) {
    AttentionSliceSaved::OfRun& own = saved.runs[i];
    own.run = runs[i];
    select_queries(stream, sequences, sparse_ ? used[i] : sequences.rows, saved, own);
    project_inputs(stream, sequences, rope_table, saved.h, cache, own);
    attend(stream, sequences, shared_ ? saved.shared_kv : own.kv, own.attention);
    if (!sparse_) {
      outputs_.forward(stream, outputs_of(own), sum);
      continue;
    }
    const Tensor projected = zeros(stream, {own.attention.rows.rows(), sum.cols()});
    outputs_.forward(stream, outputs_of(own), projected);
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

// The rows that choose each expert of the part; none where routing is soft, and all are used.
std::vector<Tensor> AttentionExperts::rows_of_each(Stream& stream, const AttentionPart& part,
                                                   const Tensor& gates) const {
  if (!sparse_) {
    return {};
  }
  std::vector<std::vector<int>> alone;
  for (const int expert : part.experts) {
    alone.push_back({expert});
  }
  return rows_using(stream, gates, alone);
}

void AttentionExperts::select_queries(Stream& stream, const SequenceRows& sequences,
                                      const Tensor& rows, const AttentionSliceSaved& saved,
                                      AttentionSliceSaved::OfRun& own) const {
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

void AttentionExperts::backward(Stream& stream, const AttentionPart& part, const Tensor& rope_table,
                                const AttentionSliceSaved& saved, const Tensor& dy,
                                const Tensor& dh, const Tensor& d_gates) const {
  const SequenceRows& sequences = part.sequences;
  std::vector<KeysValues> shared_gradients;
  for (const AttentionSliceSaved::OfRun& own : saved.runs) {
    const Tensor& rows = own.attention.rows;
    const Tensor dy_rows = sparse_ ? gathered(stream, dy, rows) : dy;
    Tensor d_out = outputs_backward(stream, own, dy_rows, d_gates);
    const Tensor dx = sparse_ ? zeros(stream, {rows.rows(), dh.cols()}) : dh;
    const KeysValues& kv = shared_ ? saved.shared_kv : own.kv;
    KeysValues gradient;
    const Tensor dq = attend_backward(stream, sequences, kv, own.attention, d_out, gradient);
    d_out = Tensor();  // memory for what comes
    project_inputs_backward(stream, sequences, rope_table, saved.h, own, dq, gradient, dh, dx);
    if (sparse_) {
      scatter_add_rows(stream, dx, rows, dh);
    }
    if (shared_) {
      shared_gradients.push_back(std::move(gradient));
    }
  }
  if (!shared_gradients.empty()) {
    shared_backward(stream, sequences, rope_table, saved, shared_gradients, dh);
  }
}

// The gradient of own.attention.out from dy (m, d_model); adds those of output weights and gates.
Tensor AttentionExperts::outputs_backward(Stream& stream, const AttentionSliceSaved::OfRun& own,
                                          const Tensor& dy, const Tensor& d_gates) const {
  if (!sparse_) {
    return outputs_.backward(stream, outputs_of(own), dy, d_gates);
  }
  const Tensor d_row_gates = zeros(stream, own.row_gates.shape());
  Tensor d_out = outputs_.backward(stream, outputs_of(own), dy, d_row_gates);
  scatter_add_rows(stream, d_row_gates, own.attention.rows, d_gates);
  return d_out;
}

void AttentionExperts::shared_backward(Stream& stream, const SequenceRows& sequences,
                                       const Tensor& rope_table, const AttentionSliceSaved& saved,
                                       const std::vector<KeysValues>& gradients,
                                       const Tensor& dh) const {
  const KeysValues sum{sum_of(stream, gradients, &KeysValues::k),
                       sum_of(stream, gradients, &KeysValues::v)};
  shared_kv().backward(stream, saved.h, sum, sequences.positions, rope_table, dh);
}

}  // namespace bam
