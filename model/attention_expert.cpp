#include "model/attention_expert.h"

#include "model/linear.h"
#include "runtime/rope.h"

namespace bam {
namespace {

const Parameter& weight(const ParameterStore& store, int layer, const char* name,
                        const std::string& suffix) {
  return store.at("layers." + std::to_string(layer) + ".attention." + name + suffix);
}

}  // namespace

KeyValueProjection::KeyValueProjection(const ParameterStore& store, int layer,
                                       const std::string& suffix)
    : k_(weight(store, layer, "k", suffix)), v_(weight(store, layer, "v", suffix)) {}

KeysValues KeyValueProjection::forward(Stream& stream, const Tensor& h, const Tensor& positions,
                                       const Tensor& rope_table) const {
  KeysValues kv{linear(stream, h, k_), linear(stream, h, v_)};
  rope(stream, kv.k, positions, rope_table, Rotation::kForward);
  return kv;
}

void KeyValueProjection::backward(Stream& stream, const Tensor& h, const KeysValues& gradient,
                                  const Tensor& positions, const Tensor& rope_table,
                                  const Tensor& dh) const {
  rope(stream, gradient.k, positions, rope_table, Rotation::kBackward);
  add_linear_weight_gradient(stream, gradient.k, h, k_);
  add_linear_weight_gradient(stream, gradient.v, h, v_);
  add_linear_input_gradient(stream, gradient.k, k_, dh);
  add_linear_input_gradient(stream, gradient.v, v_, dh);
}

AttentionExpert::AttentionExpert(const ParameterStore& store, int layer, const std::string& suffix)
    : q_(weight(store, layer, "q", suffix)), o_(weight(store, layer, "o", suffix)) {}

void AttentionExpert::attend(Stream& stream, const SequenceRows& sequences, const KeysValues& kv,
                             const Tensor& rope_table, AttentionSaved& saved) const {
  saved.q = linear(stream, saved.input, q_);
  rope(stream, saved.q, saved.positions, rope_table, Rotation::kForward);
  saved.out = Tensor(stream, saved.q.shape(), saved.q.dtype());
  saved.log_sums = Tensor(stream, {saved.q.rows(), sequences.shape.heads}, DType::kFloat32);
  attention(stream, sequences.shape, saved.q, kv.k, kv.v, saved.query_rows,
            sequences.document_starts, saved.out, saved.log_sums);
}

void AttentionExpert::project(Stream& stream, const Tensor& weighted, const Tensor& sum) const {
  add_linear(stream, weighted, o_, sum);
}

Tensor AttentionExpert::project_backward(Stream& stream, const Tensor& dy,
                                         const Tensor& weighted) const {
  add_linear_weight_gradient(stream, dy, weighted, o_);
  return linear_input_gradient(stream, dy, o_);
}

KeysValues AttentionExpert::attend_backward(Stream& stream, const SequenceRows& sequences,
                                            const KeysValues& kv, const Tensor& rope_table,
                                            const AttentionSaved& saved, const Tensor& d_out,
                                            const Tensor& dx) const {
  const DType dtype = saved.q.dtype();
  const Tensor dq(stream, saved.q.shape(), dtype);
  KeysValues gradient{Tensor(stream, kv.k.shape(), dtype), Tensor(stream, kv.v.shape(), dtype)};
  attention_backward(stream, sequences.shape, saved.q, kv.k, kv.v, saved.query_rows,
                     sequences.document_starts, saved.out, saved.log_sums, d_out, dq, gradient.k,
                     gradient.v);
  rope(stream, dq, saved.positions, rope_table, Rotation::kBackward);
  add_linear_weight_gradient(stream, dq, saved.input, q_);
  add_linear_input_gradient(stream, dq, q_, dx);
  return gradient;
}

}  // namespace bam
