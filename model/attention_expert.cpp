#include "model/attention_expert.h"

#include "model/linear.h"
#include "runtime/rope.h"

namespace bam {
namespace {

// Of as many heads as are side by side.
AttentionShape shape_of(const SequenceRows& sequences, const Tensor& q, const KeysValues& kv) {
  AttentionShape shape = sequences.shape;
  shape.heads = q.cols() / shape.head_dim;
  shape.kv_heads = kv.k.cols() / shape.head_dim;
  return shape;
}

}  // namespace

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

void JointProjection::forward(Stream& stream, const Tensor& h, const Tensor& positions,
                              const Tensor& rope_table, Tensor& q, KeysValues& kv) const {
  const Tensor qkv = linear(stream, h, qkv_);
  q = Tensor(stream, {h.rows(), qkv.cols() - 2 * kv_width_}, h.dtype());
  kv = {Tensor(stream, {h.rows(), kv_width_}, h.dtype()),
        Tensor(stream, {h.rows(), kv_width_}, h.dtype())};
  rope_unpack(stream, qkv, positions, rope_table, q, kv.k, kv.v);
}

void JointProjection::backward(Stream& stream, const Tensor& h, const Tensor& dq,
                               const KeysValues& gradient, const Tensor& positions,
                               const Tensor& rope_table, const Tensor& dh) const {
  const Tensor d_qkv(stream, {h.rows(), qkv_.value().rows()}, h.dtype());
  rope_pack(stream, dq, gradient.k, gradient.v, positions, rope_table, d_qkv);
  add_linear_weight_gradient(stream, d_qkv, h, qkv_);
  add_linear_input_gradient(stream, d_qkv, qkv_, dh);
}

Tensor QueryProjection::forward(Stream& stream, const Tensor& x, const Tensor& positions,
                                const Tensor& rope_table) const {
  Tensor q = linear(stream, x, q_);
  rope(stream, q, positions, rope_table, Rotation::kForward);
  return q;
}

void QueryProjection::backward(Stream& stream, const Tensor& x, const Tensor& dq,
                               const Tensor& positions, const Tensor& rope_table,
                               const Tensor& dx) const {
  rope(stream, dq, positions, rope_table, Rotation::kBackward);
  add_linear_weight_gradient(stream, dq, x, q_);
  add_linear_input_gradient(stream, dq, q_, dx);
}

void attend(Stream& stream, const SequenceRows& sequences, const KeysValues& kv,
            AttentionSaved& saved) {
  const AttentionShape shape = shape_of(sequences, saved.q, kv);
  saved.out = Tensor(stream, saved.q.shape(), saved.q.dtype());
  saved.log_sums = Tensor(stream, {saved.q.rows(), shape.heads}, DType::kFloat32);
  attention(stream, shape, saved.q, kv.k, kv.v, saved.query_rows, sequences.document_starts,
            saved.out, saved.log_sums);
}

Tensor attend_backward(Stream& stream, const SequenceRows& sequences, const KeysValues& kv,
                       const AttentionSaved& saved, const Tensor& d_out, KeysValues& gradient) {
  const DType dtype = saved.q.dtype();
  Tensor dq(stream, saved.q.shape(), dtype);
  gradient = {Tensor(stream, kv.k.shape(), dtype), Tensor(stream, kv.v.shape(), dtype)};
  attention_backward(stream, shape_of(sequences, saved.q, kv), saved.q, kv.k, kv.v,
                     saved.query_rows, sequences.document_starts, saved.out, saved.log_sums, d_out,
                     dq, gradient.k, gradient.v);
  return dq;
}

}  // namespace bam
