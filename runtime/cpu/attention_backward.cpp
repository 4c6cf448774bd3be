#include <cmath>

#include "runtime/cpu/attention_blocks.h"
#include "runtime/cpu/dispatch.h"
#include "runtime/cpu/kernels.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/vector_math.h"
#include "runtime/cpu/workspace.h"

namespace bam::cpu {
namespace {

struct Gradients {
  const Tensor& d_out;
  const Tensor& dq;
  const Tensor& dk;
  const Tensor& dv;
};

// weights = e^(scale * scores - log_sum), d_weights = weights * (d_scores - shift) * scale.
template <class T>
void soften_backward(float* scores, float* d_scores, float scale, float log_sum, float shift,
                     T* weights, T* d_weights, std::int64_t size) {
#pragma omp simd
  for (std::int64_t i = 0; i < size; ++i) {
    const float weight = fast_exp(scale * scores[i] - log_sum);
    d_weights[i] = rounded<T>(weight * (d_scores[i] - shift) * scale);
    weights[i] = rounded<T>(weight);
  }
}

template <class T>
void soften_block_backward(const Attending& in, const Gradients& out, const QueryBlock& block,
                           std::int64_t head, const Workspace<T>& work) {
  const std::int64_t d = in.shape.head_dim;
  for (std::int64_t i = 0; i < block.queries; ++i) {
    const Visible seen = visible(in, block, i);
    const std::int64_t row = i * block.keys;
    const std::int64_t at = row + seen.begin;
    const std::int64_t query = block.first + i;
    const float log_sum = in.log_sums.data<float>()[query * in.shape.heads + head];
    const float shift = dot(out.d_out.data<T>() + query * out.d_out.cols() + head * d,
                            in.out.data<T>() + query * in.out.cols() + head * d, d);
    soften_backward(work.scores + at, work.d_scores + at, in.scale(), log_sum, shift,
                    work.weights + at, work.d_weights + at, seen.size());
    zero_outside(seen, work.weights + row, block.keys);
    zero_outside(seen, work.d_weights + row, block.keys);
  }
  for (T* padding : {work.weights, work.d_weights}) {
    std::fill(padding + block.queries * block.keys, padding + block.padded * block.keys, T{});
  }
}

// sums (keys, head_dim) of the block's keys += weights^T rows.
template <class T>
void spread(const AttentionShape& shape, const QueryBlock& block, const T* weights, const T* rows,
            float* sums) {
  compute({.m = block.keys,
           .n = shape.head_dim,
           .k = block.padded,
           .a = {weights, block.keys, true},
           .b = {rows, shape.head_dim},
           .c = sums + block.first_key % shape.length * shape.head_dim,
           .c_leading = shape.head_dim,
           .dtype = dtype_of<T>(),
           .c_dtype = DType::kFloat32,
           .write = Write::kAdd});
}

template <class T>
void attend_backward(const Attending& in, const Gradients& out, const QueryBlock& block,
                     std::int64_t head, const Workspace<T>& work) {
  const std::int64_t d = in.shape.head_dim;
  pack_rows(in.q, block, head * d, d, work.q);
  pack_rows(out.d_out, block, head * d, d, work.d_out);
  score(in.shape, block, work.q, in.k, in.key_head(head), work.scores);
  score(in.shape, block, work.d_out, in.v, in.key_head(head), work.d_scores);
  soften_block_backward(in, out, block, head, work);
  spread(in.shape, block, work.weights, work.d_out, work.dv);
  spread(in.shape, block, work.d_weights, work.q, work.dk);
  weigh(in.shape, block, work.d_weights, in.k, in.key_head(head), work.rows);
  for (std::int64_t i = 0; i < block.queries; ++i) {
    convert(work.rows + i * d, out.dq.data<T>() + (block.first + i) * out.dq.cols() + head * d, d);
  }
}

// One sequence and key head: all that adds to its dk and dv, in a fixed order.
template <class T>
void gather_gradients(const Attending& in, const Gradients& out,
                      const std::vector<QueryBlock>& blocks, std::int64_t sequence,
                      std::int64_t key_head, const Workspace<T>& work) {
  const std::int64_t d = in.shape.head_dim;
  const std::int64_t group = in.shape.heads / in.shape.kv_heads;
  std::fill(work.dk, work.dk + in.shape.length * d, 0.0F);
  std::fill(work.dv, work.dv + in.shape.length * d, 0.0F);
  for (const QueryBlock& block : blocks) {
    for (std::int64_t head = key_head * group; head < (key_head + 1) * group; ++head) {
      attend_backward(in, out, block, head, work);
    }
  }
  for (std::int64_t i = 0; i < in.shape.length; ++i) {
    const std::int64_t at = (sequence * in.shape.length + i) * in.k.cols() + key_head * d;
    convert(work.dk + i * d, out.dk.data<T>() + at, d);
    convert(work.dv + i * d, out.dv.data<T>() + at, d);
  }
}

}  // namespace

void attention_backward(Stream& stream, const AttentionShape& shape, const Tensor& q,
                        const Tensor& k, const Tensor& v, const Tensor& query_rows,
                        const Tensor& document_starts, const Tensor& out, const Tensor& log_sums,
                        const Tensor& d_out, const Tensor& dq, const Tensor& dk, const Tensor& dv) {
  const auto blocks =
      query_blocks(shape, query_rows.span<std::int32_t>(), document_starts.span<std::int32_t>());
  const Attending in{shape, q, k, v, query_rows.data<std::int32_t>(),
                     document_starts.data<std::int32_t>(), out, log_sums};
  const Gradients gradients{d_out, dq, dk, dv};
  const auto operations = static_cast<double>(shape.head_dim * shape.heads / shape.kv_heads) *
                          5.0 * static_cast<double>(shape.length * shape.length);
  with_float_type(q.dtype(), [&]<class T>(T) {
    const Workspaces<T> workspaces(stream, shape, Pass::kBackward);
    for_tasks(stream, shape.sequences * shape.kv_heads, operations, [&](std::int64_t task) {
      const std::int64_t sequence = task / shape.kv_heads;
      gather_gradients(in, gradients, blocks[static_cast<std::size_t>(sequence)], sequence,
                       task % shape.kv_heads, workspaces.mine());
    });
  });
}

}  // namespace bam::cpu
