#include <algorithm>
#include <cmath>
#include <vector>

#include "runtime/cpu/attention_blocks.h"
#include "runtime/dispatch.h"
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

// What a block's softmax was: of each query the logarithm of its divisor, and <d_out, out>.
struct Softmax {
  float log_sums[kQueryBlock]{};
  float shifts[kQueryBlock]{};
};

template <class T>
Softmax softmax_of(const Attending& in, const Gradients& out, const QueryBlock& block,
                   std::int64_t head) {
  const std::int64_t d = in.shape.head_dim;
  Softmax found;
  for (std::int64_t i = 0; i < block.queries; ++i) {
    const std::int64_t query = block.first + i;
    found.log_sums[i] = in.log_sums.data<float>()[query * in.shape.heads + head];
    found.shifts[i] = dot(out.d_out.data<T>() + query * out.d_out.cols() + head * d,
                          in.out.data<T>() + query * in.out.cols() + head * d, d);
  }
  return found;
}

// turned (width, padded) = rows (padded, width).
template <class T>
void turn_rows(const T* rows, const QueryBlock& block, std::int64_t width, T* turned) {
  for (std::int64_t col = 0; col < width; ++col) {
    for (std::int64_t i = 0; i < block.padded; ++i) {
      turned[col * block.padded + i] = rows[i * width + col];
    }
  }
}

// Keys in front from here on, so that no factor of a large product is transposed.
// scores (keys, padded) = K q^T, and V d_out^T.
template <class T>
void score_keys(const AttentionShape& shape, const QueryBlock& block, const Tensor& keys,
                std::int64_t key_head, const T* turned, float* scores) {
  compute({.m = block.keys,
           .n = block.padded,
           .k = shape.head_dim,
           .a = {keys.data<T>() + block.first_key * keys.cols() + key_head * shape.head_dim,
                 keys.cols()},
           .b = {turned, block.padded},
           .c = scores,
           .c_leading = block.padded,
           .dtype = dtype_of<T>(),
           .c_dtype = DType::kFloat32});
}

// One key's row: weights = e^(scale * scores - log_sum), d_weights = weights * (d_scores - shift) *
// scale, for queries [begin, end).
template <class T>
void soften_row(const float* scores, const float* d_scores, float scale, const Softmax& softmax,
                std::int64_t begin, std::int64_t end, T* weights, T* d_weights) {
#pragma omp simd
  for (std::int64_t i = begin; i < end; ++i) {
    const float weight = fast_exp(scale * scores[i] - softmax.log_sums[i]);
    d_weights[i] = rounded<T>(weight * (d_scores[i] - softmax.shifts[i]) * scale);
    weights[i] = rounded<T>(weight);
  }
}

// Of each key, the queries that may look at it follow each other: from the first that stands at or
// behind it to the last whose document it is in.
template <class T>
void soften_keys(const Attending& in, const QueryBlock& block, const Softmax& softmax,
                 const Workspace<T>& work) {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  for (std::int64_t key = 0; key < block.keys; ++key) {
    while (begin < block.queries && visible(in, block, begin).end <= key) {
      ++begin;
    }
    while (end < block.queries && visible(in, block, end).begin <= key) {
      ++end;
    }
    const Visible queries{begin, std::max(begin, end)};
    const Visible taken = widened(queries, block.padded);
    const std::int64_t row = key * block.padded;
    soften_row(work.scores + row, work.d_scores + row, in.scale(), softmax, taken.begin, taken.end,
               work.weights + row, work.d_weights + row);
    zero_outside(queries, work.weights + row, block.padded);
    zero_outside(queries, work.d_weights + row, block.padded);
  }
}

// sums (keys, head_dim) of the block's keys += weights (keys, padded) rows (padded, head_dim).
template <class T>
void spread(const AttentionShape& shape, const QueryBlock& block, const T* weights, const T* rows,
            float* sums) {
  compute({.m = block.keys,
           .n = shape.head_dim,
           .k = block.padded,
           .a = {weights, block.padded},
           .b = {rows, shape.head_dim},
           .c = sums + block.first_key % shape.length * shape.head_dim,
           .c_leading = shape.head_dim,
           .dtype = dtype_of<T>(),
           .c_dtype = DType::kFloat32,
           .write = Write::kAdd});
}

// dq^T (head_dim, padded) = K^T d_weights.
template <class T>
void gather_queries(const Attending& in, const QueryBlock& block, std::int64_t head,
                    const Workspace<T>& work) {
  compute({.m = in.shape.head_dim,
           .n = block.padded,
           .k = block.keys,
           .a = turned_block<T>(in, block, in.key_head(head)),
           .b = {work.d_weights, block.padded},
           .c = work.rows,
           .c_leading = block.padded,
           .dtype = dtype_of<T>(),
           .c_dtype = DType::kFloat32});
}

template <class T>
void attend_backward(const Attending& in, const Gradients& out, const QueryBlock& block,
                     std::int64_t head, const Workspace<T>& work) {
  const std::int64_t d = in.shape.head_dim;
  pack_rows(in.q, block, head * d, d, work.q);
  pack_rows(out.d_out, block, head * d, d, work.d_out);
  turn_rows(work.q, block, d, work.turned);
  score_keys(in.shape, block, in.k, in.key_head(head), work.turned, work.scores);
  turn_rows(work.d_out, block, d, work.turned);
  score_keys(in.shape, block, in.v, in.key_head(head), work.turned, work.d_scores);
  soften_keys(in, block, softmax_of<T>(in, out, block, head), work);
  spread(in.shape, block, work.weights, work.d_out, work.dv);
  spread(in.shape, block, work.d_weights, work.q, work.dk);
  gather_queries(in, block, head, work);
  for (std::int64_t i = 0; i < block.queries; ++i) {
    T* dq = out.dq.data<T>() + (block.first + i) * out.dq.cols() + head * d;
    for (std::int64_t col = 0; col < d; ++col) {
      dq[col] = rounded<T>(work.rows[col * block.padded + i]);
    }
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
  const Attending in{shape,
                     q,
                     k,
                     v,
                     turned_keys(stream, shape, k),
                     query_rows.data<std::int32_t>(),
                     document_starts.data<std::int32_t>(),
                     out,
                     log_sums};
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
