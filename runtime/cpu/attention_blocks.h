#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "runtime/attention.h"
#include "runtime/cpu/onednn.h"

namespace bam::cpu {

/// Queries attended to at once.
inline constexpr std::int64_t kQueryBlock = 64;

/// A few consecutive queries of one sequence, and the keys that any of them may look at.
struct QueryBlock {
  std::int64_t first;      // row of q
  std::int64_t queries;    // 1 to kQueryBlock
  std::int64_t padded;     // rows of the products: a few sizes only, so that kernels are reused
  std::int64_t first_key;  // row of k
  std::int64_t keys;
};

/// Every sequence's blocks, in order; blocks[sequence] may be none.
std::vector<std::vector<QueryBlock>> query_blocks(const AttentionShape& shape,
                                                  std::span<const std::int32_t> query_rows,
                                                  std::span<const std::int32_t> document_starts);

/// What one head of attention reads, and what its softmax was.
struct Attending {
  const AttentionShape& shape;
  const Tensor& q;
  const Tensor& k;
  const Tensor& v;
  const std::int32_t* query_rows;
  const std::int32_t* document_starts;
  const Tensor& out;
  const Tensor& log_sums;

  float scale() const { return 1.0F / std::sqrt(static_cast<float>(shape.head_dim)); }
  std::int64_t key_head(std::int64_t head) const { return head / (shape.heads / shape.kv_heads); }
};

/// Keys [begin, end), counted from the block's first, that one query may look at.
struct Visible {
  std::int64_t begin;
  std::int64_t end;
  std::int64_t size() const { return end - begin; }
};

inline Visible visible(const Attending& in, const QueryBlock& block, std::int64_t query) {
  const std::int64_t row = in.query_rows[block.first + query];
  return {in.document_starts[row] - block.first_key, row + 1 - block.first_key};
}

/// Zeros in the part of a row of `size` that is outside `seen`.
template <class T>
void zero_outside(const Visible& seen, T* row, std::int64_t size) {
  std::fill(row, row + seen.begin, T{});
  std::fill(row + seen.end, row + size, T{});
}

/// Copies a block's rows of one head, packed, with zeros below.
template <class T>
void pack_rows(const Tensor& from, const QueryBlock& block, std::int64_t col, std::int64_t width,
               T* to) {
  for (std::int64_t i = 0; i < block.padded; ++i) {
    T* row = to + i * width;
    if (i < block.queries) {
      const T* source = from.data<T>() + (block.first + i) * from.cols() + col;
      std::copy(source, source + width, row);
    } else {
      std::fill(row, row + width, T{});
    }
  }
}

/// scores (padded, keys) = q K^T, with K the block's keys of `key_head`; the same for dO V^T.
template <class T>
void score(const AttentionShape& shape, const QueryBlock& block, const T* q, const Tensor& k,
           std::int64_t key_head, float* scores) {
  const T* keys = k.data<T>() + block.first_key * k.cols() + key_head * shape.head_dim;
  compute({.m = block.padded,
           .n = block.keys,
           .k = shape.head_dim,
           .a = {q, shape.head_dim},
           .b = {keys, k.cols(), true},
           .c = scores,
           .c_leading = block.keys,
           .dtype = dtype_of<T>(),
           .c_dtype = DType::kFloat32});
}

/// rows (padded, head_dim) = weights (padded, keys) times the block's keys or values.
template <class T>
void weigh(const AttentionShape& shape, const QueryBlock& block, const T* weights, const Tensor& v,
           std::int64_t key_head, float* rows) {
  const T* values = v.data<T>() + block.first_key * v.cols() + key_head * shape.head_dim;
  compute({.m = block.padded,
           .n = shape.head_dim,
           .k = block.keys,
           .a = {weights, block.keys},
           .b = {values, v.cols()},
           .c = rows,
           .c_leading = shape.head_dim,
           .dtype = dtype_of<T>(),
           .c_dtype = DType::kFloat32});
}

}  // namespace bam::cpu
