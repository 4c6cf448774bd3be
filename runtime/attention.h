#pragma once

#include "runtime/tensor.h"

namespace bam {

/// What causal attention is computed over: `sequences` runs of `length` keys, one after the other,
/// and the queries that look at them.
struct AttentionShape {
  std::int64_t sequences;
  std::int64_t length;  // keys of one sequence
  std::int64_t heads;
  std::int64_t kv_heads;  // divides heads; query head h reads key head h / (heads / kv_heads)
  std::int64_t head_dim;
  // Documents in all sequences, at most, or one of these. What computes attention on a GPU depends
  // on which it is, and not on how many.
  static constexpr std::int64_t kNotKnown = -1;  // or what queries see is no document's
  static constexpr std::int64_t kWhole = 0;      // every sequence is one document
  std::int64_t documents = kNotKnown;

  std::int64_t keys() const { return sequences * length; }
};

/// A GPU takes so many documents at once: limits may as well be multiples of it.
inline constexpr std::int64_t kDocumentsAtOnce = 16;

/// Softmax attention (scores / sqrt(head_dim)) of each query over the keys of its own document, up
/// to its own position. Memory beyond the tensors is linear in `length` for each thread.
///
/// q (m, heads * head_dim), k and v (keys, kv_heads * head_dim): one dtype, fp32 or bf16.
/// query_rows (m) int32, ascending: query i stands at key row query_rows[i]; every key row once is
/// the usual case, a part of them is sparse routing, the last few is decoding from a cache.
/// document_starts (keys) int32: first key row that a query standing here may look at.
/// out (m, heads * head_dim) as q; log_sums (m, heads) fp32: log of the softmax's denominator, scores
/// included (what backward needs). m = 0 is fine.
void attention(Stream& stream, const AttentionShape& shape, const Tensor& q, const Tensor& k,
               const Tensor& v, const Tensor& query_rows, const Tensor& document_starts,
               const Tensor& out, const Tensor& log_sums);

/// How many attentions of this shape, over the same keys' rows, may be computed as one with so many
/// times the heads and key heads: more might not go to what is fastest for one alone.
std::int64_t attentions_at_once(const Stream& stream, const AttentionShape& shape);

/// Gradients of attention: dq (m, heads * head_dim), dk and dv (keys, kv_heads * head_dim), all
/// replaced, of q's dtype (sums inside are fp32). The same bits whatever the threads.
void attention_backward(Stream& stream, const AttentionShape& shape, const Tensor& q,
                        const Tensor& k, const Tensor& v, const Tensor& query_rows,
                        const Tensor& document_starts, const Tensor& out, const Tensor& log_sums,
                        const Tensor& d_out, const Tensor& dq, const Tensor& dk, const Tensor& dv);

}  // namespace bam
