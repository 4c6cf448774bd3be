#pragma once

// What attention forward and backward share: kernels of our own, for all that cuDNN's are not asked
// for (runtime/cuda/flash_attention.h). Those know whole sequences and documents in bf16; here a
// query has its own first key, and under sparse routing only some rows are queries, at their own
// positions, so that its last key is neither its row nor a fixed distance from it.

#include "runtime/attention.h"
#include "runtime/cuda/tiles.cuh"

namespace bam::cuda {

inline constexpr float kLog2E = 1.44269504088896340736F;
inline constexpr float kLn2 = 0.693147180559945309417F;

/// In place of a key row: no key is seen.
inline constexpr std::int32_t kNever = 0x7fffffff;

/// Everything of a call that is not a tensor of activations.
struct AttentionCall {
  const std::int32_t* query_rows;       // (queries)
  const std::int32_t* document_starts;  // (keys)
  int queries;
  int keys;
  int length;  // of a sequence
  int heads;
  int kv_heads;
  int head_dim;
  float scale;
  bool is_wide;  // see start_tile
  Fault* fault;

  __device__ std::int64_t query_stride() const {
    return static_cast<std::int64_t>(heads) * head_dim;
  }
  __device__ std::int64_t key_stride() const {
    return static_cast<std::int64_t>(kv_heads) * head_dim;
  }
  __device__ int group() const { return heads / kv_heads; }
  /// The key row that a query stands at; -1, and a fault, where it is none or not past the query
  /// before it.
  __device__ int row_of(int query) const {
    const int row = query_rows[query];
    const bool is_row =
        is_below(row, keys, Fault::kQueryRow, fault) &&
        (query == 0 || is_below(query_rows[query - 1], row, Fault::kQueryRow, fault));
    return is_row ? row : -1;
  }
  /// The first key row that a query at a key row sees; kNever, and a fault, where that is past the
  /// row or of another sequence.
  __device__ int start_of(int row) const {
    if (row < 0 || row >= keys) {
      return kNever;
    }
    const int start = document_starts[row];
    const int first = row / length * length;
    return is_below(start - first, row - first + 1, Fault::kDocument, fault) ? start : kNever;
  }
  /// Where head `head` of query `query`, and of key `key`, begins.
  __device__ std::int64_t query_at(int query, int head) const {
    return query * query_stride() + head * head_dim;
  }
  __device__ std::int64_t key_at(int key, int kv_head) const {
    return key * key_stride() + kv_head * head_dim;
  }
};

/// Which keys each query of a tile sees: [starts, rows], none past the last query.
struct Visible {
  std::int32_t starts[kTileRows];
  std::int32_t rows[kTileRows];

  __device__ void load(const AttentionCall& call, int first, int count) {
    for (int i = static_cast<int>(threadIdx.x); i < kTileRows; i += kTileThreads) {
      rows[i] = i < count ? call.row_of(first + i) : -1;
      starts[i] = call.start_of(rows[i]);
    }
  }
  __device__ bool sees(int query, int key) const {
    return starts[query] <= key && key <= rows[query];
  }
  /// Whether queries [first, last] see every key of a tile; rows and starts ascend.
  __device__ bool sees_tile(int first, int last, int key) const {
    return starts[last] <= key && key + kTileRows - 1 <= rows[first];
  }
};

AttentionCall call_of(Stream& stream, const AttentionShape& shape, const Tensor& query_rows,
                      const Tensor& document_starts, std::initializer_list<const Tensor*> tensors);

/// body(integral_constant of the least of 32, 64 and 128 that head_dim fits in).
template <class Body>
void with_head_dim(std::int64_t head_dim, Body&& body) {
  check(head_dim <= 128, "attention on a GPU with heads of ", head_dim, ": at most 128");
  if (head_dim <= 32) {
    body(std::integral_constant<int, 32>{});
  } else if (head_dim <= 64) {
    body(std::integral_constant<int, 64>{});
  } else {
    body(std::integral_constant<int, 128>{});
  }
}

}  // namespace bam::cuda
