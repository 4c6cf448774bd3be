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

/// Every key head's keys with the head's dimensions in front: (sequences, kv_heads, head_dim,
/// length), as k. oneDNN turns a transposed factor anew in every product; turned once here, keys
/// serve all blocks of queries.
Tensor turned_keys(Stream& stream, const AttentionShape& shape, const Tensor& k);

/// What one head of attention reads, and what its softmax was.
struct Attending {
  const AttentionShape& shape;
  const Tensor& q;
  const Tensor& k;
  const Tensor& v;
  const Tensor turned_k;  // turned_keys(k); empty where there is little to gain
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

/// `seen` widened within a row of `size` to whole vectors: a few elements more cost less than one at a
/// time does.
inline Visible widened(const Visible& seen, std::int64_t size) {
  constexpr std::int64_t kLanes = 32;
  return {seen.begin / kLanes * kLanes,
          std::min(size, (seen.end + kLanes - 1) / kLanes * kLanes)};
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

/// The block's keys of `key_head`, as the factor (head_dim, keys).
template <class T>
Factor turned_block(const Attending& in, const QueryBlock& block, std::int64_t key_head) {
  const std::int64_t length = in.shape.length;
  if (in.turned_k.empty()) {
    const T* keys = in.k.data<T>() + block.first_key * in.k.cols() + key_head * in.shape.head_dim;
    return {keys, in.k.cols(), true};
  }
  const std::int64_t sequence = block.first_key / length;
  const std::int64_t head = sequence * in.shape.kv_heads + key_head;
  return {in.turned_k.data<T>() + head * in.shape.head_dim * length + block.first_key % length,
          length};
}

/// rows (padded, head_dim) = weights (padded, keys) times the block's values.
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
