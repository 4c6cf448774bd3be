#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "runtime/cpu/attention_blocks.h"
#include "runtime/dispatch.h"
#include "runtime/cpu/kernels.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/vector_math.h"
#include "runtime/cpu/workspace.h"

namespace bam::cpu {
namespace {

struct SoftmaxSums {
  float sum;      // of the exponentials, relative to the largest
  float log_sum;  // logarithm of the whole divisor
};

// Turns query i's scores into softmax weights not yet divided by their sum.
template <class T>
SoftmaxSums soften(const Attending& in, const QueryBlock& block, std::int64_t i, float* scores,
                   T* weights) {
  const Visible seen = visible(in, block, i);
  const Visible taken = widened(seen, block.keys);
  float* row = scores + i * block.keys;
  T* to = weights + i * block.keys;
  std::fill(row + taken.begin, row + seen.begin, -std::numeric_limits<float>::infinity());
  std::fill(row + seen.end, row + taken.end, -std::numeric_limits<float>::infinity());
  const float largest = max_of(row + taken.begin, taken.size()) * in.scale();
  const float sum =
      exp_row(row + taken.begin, in.scale(), largest, to + taken.begin, taken.size());
  zero_outside(taken, to, block.keys);  // the others' exponentials are zeros
  return {sum, largest + std::log(sum)};
}

// scores (padded, keys) = q K^T.
template <class T>
void score(const Attending& in, const QueryBlock& block, std::int64_t head,
           const Workspace<T>& work) {
  compute({.m = block.padded,
           .n = block.keys,
           .k = in.shape.head_dim,
           .a = {work.q, in.shape.head_dim},
           .b = turned_block<T>(in, block, in.key_head(head)),
           .c = work.scores,
           .c_leading = block.keys,
           .dtype = dtype_of<T>(),
           .c_dtype = DType::kFloat32});
}

template <class T>
void attend(const Attending& in, const QueryBlock& block, std::int64_t head, const Workspace<T>& work) {
  const std::int64_t d = in.shape.head_dim;
  float sums[kQueryBlock];
  pack_rows(in.q, block, head * d, d, work.q);
  score(in, block, head, work);
  for (std::int64_t i = 0; i < block.queries; ++i) {
    const SoftmaxSums found = soften(in, block, i, work.scores, work.weights);
    sums[i] = found.sum;
    in.log_sums.data<float>()[(block.first + i) * in.shape.heads + head] = found.log_sum;
  }
  std::fill(work.weights + block.queries * block.keys, work.weights + block.padded * block.keys,
            T{});
  weigh(in.shape, block, work.weights, in.v, in.key_head(head), work.rows);
  for (std::int64_t i = 0; i < block.queries; ++i) {
    T* to = in.out.data<T>() + (block.first + i) * in.out.cols() + head * d;
    scale_to(1.0F / sums[i], work.rows + i * d, to, d);
  }
}

}  // namespace

void attention(Stream& stream, const AttentionShape& shape, const Tensor& q, const Tensor& k,
               const Tensor& v, const Tensor& query_rows, const Tensor& document_starts,
               const Tensor& out, const Tensor& log_sums) {
  std::vector<QueryBlock> blocks;
  for (const auto& sequence :
       query_blocks(shape, query_rows.span<std::int32_t>(), document_starts.span<std::int32_t>())) {
    blocks.insert(blocks.end(), sequence.begin(), sequence.end());
  }
  // Not to decode a token; and bf16 factors are packed by oneDNN either way.
  const bool turns = q.dtype() == DType::kFloat32 && std::ssize(blocks) > 2 * shape.sequences;
  const Attending in{shape,
                     q,
                     k,
                     v,
                     turns ? turned_keys(stream, shape, k) : Tensor(),
                     query_rows.data<std::int32_t>(),
                     document_starts.data<std::int32_t>(),
                     out,
                     log_sums};
  with_float_type(q.dtype(), [&]<class T>(T) {
    const Workspaces<T> workspaces(stream, shape, Pass::kForward);
    const auto tasks = static_cast<std::int64_t>(blocks.size()) * shape.heads;
    for_tasks(stream, tasks, 4.0 * kQueryBlock * static_cast<double>(shape.length * shape.head_dim),
              [&](std::int64_t task) {
                attend(in, blocks[static_cast<std::size_t>(task / shape.heads)],
                       task % shape.heads, workspaces.mine());
              });
  });
}

std::int64_t attentions_at_once(const AttentionShape& /*shape*/) {
  return std::numeric_limits<std::int64_t>::max();
}

}  // namespace bam::cpu
