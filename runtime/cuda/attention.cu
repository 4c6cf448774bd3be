#include <cmath>
#include <limits>

#include "runtime/cuda/attention.cuh"
#include "runtime/cuda/flash_attention.h"
#include "runtime/cuda/kernels.h"

namespace bam::cuda {
namespace {

template <class T, int kDim>
struct ForwardMemory {
  T q[kTileRows * stride_of<T>(kDim)];
  T k[kTileRows * stride_of<T>(kDim)];
  T v[kTileRows * stride_of<T>(kDim)];
  T weights[LeftSums<T>::kTileElements];
  Visible visible;
};

// Over the four lanes that share a row of sums.
template <class Combine>
__device__ float row_reduce(float value, Combine combine) {
  value = combine(value, __shfl_xor_sync(kAllLanes, value, 1));
  return combine(value, __shfl_xor_sync(kAllLanes, value, 2));
}

// A row's softmax so far. Scores are what the product gave; `unit` turns them into logarithms of
// base 2, and exponentials are relative to the largest score.
struct RowSoftmax {
  float largest = kNegativeInfinity;
  float shift = 0;  // largest in units; 0 where nothing was seen
  float sum = 0;    // of this lane's columns

  // Takes in a tile whose largest score is given; returns what sums so far are to be scaled by.
  __device__ float raise(float tile_largest, float unit) {
    const bool is_first = largest == kNegativeInfinity;
    const float before = shift;
    largest = tile_largest > largest ? tile_largest : largest;
    shift = largest == kNegativeInfinity ? 0.0F : largest * unit;
    const float factor = is_first ? 0.0F : exp2f(before - shift);  // 1 exactly where nothing rose
    sum *= factor;
    return factor;
  }
  // 0 for a key that is not seen.
  __device__ float weigh(float score, float unit) {
    const float weight = exp2f(score * unit - shift);
    sum += weight;
    return weight;
  }
};

// Scores of keys from `first_key` on that are not seen become -infinity.
__device__ void mask(Sums<kTileRows>& scores, const Visible& visible, int first_query,
                     int first_key) {
  if (visible.sees_tile(first_query, first_query + kWarpRows - 1, first_key)) {
    return;
  }
#pragma unroll
  for (int j = 0; j < kTileRows / 8; ++j) {
    for (int i = 0; i < 4; ++i) {
      const bool seen = visible.sees(first_query + sum_row(i), first_key + sum_col(j, i));
      scores.at[j][i] = seen ? scores.at[j][i] : kNegativeInfinity;
    }
  }
}

// Turns scores into weights, and scales the outputs so far to them.
template <int kDim>
__device__ void soften(Sums<kTileRows>& scores, float unit, RowSoftmax (&rows)[2],
                       Sums<kDim>& out) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float largest = kNegativeInfinity;
#pragma unroll
    for (int j = 0; j < kTileRows / 8; ++j) {
      largest = Largest()(largest, Largest()(scores.at[j][2 * half], scores.at[j][2 * half + 1]));
    }
    const float factor = rows[half].raise(row_reduce(largest, Largest()), unit);
#pragma unroll
    for (int j = 0; j < kTileRows / 8; ++j) {
      for (int i = 2 * half; i < 2 * half + 2; ++i) {
        scores.at[j][i] = rows[half].weigh(scores.at[j][i], unit);
      }
    }
#pragma unroll
    for (int j = 0; j < kDim / 8; ++j) {
      out.at[j][2 * half] *= factor;
      out.at[j][2 * half + 1] *= factor;
    }
  }
}

// Blocks (tile of queries, head): the longest rows begin first. Warp w has queries 16 w to 16 w
// + 15.
template <class T, int kDim>
__global__ void __launch_bounds__(kTileThreads)
    attention_kernel(AttentionCall call, const T* q, const T* k, const T* v, T* out,
                     float* log_sums) {
  auto& memory = *reinterpret_cast<ForwardMemory<T, kDim>*>(shared_memory());
  const int first_query = static_cast<int>(gridDim.x - 1 - blockIdx.x) * kTileRows;
  const int count = call.queries - first_query < kTileRows ? call.queries - first_query : kTileRows;
  const int head = static_cast<int>(blockIdx.y);
  const int kv_head = head / call.group();
  const int warp_row = static_cast<int>(threadIdx.x) / kWarp * kWarpRows;
  const float unit = call.scale * kLog2E;
  // What is on its way while the other's product is computed.
  const auto start_keys = [&](const T* all, T* tile, int key, int end) {
    start_tile<kDim>(tile, all + call.key_at(key, kv_head), call.key_stride(), end - key,
                     call.head_dim, call.is_wide);
  };

  memory.visible.load(call, first_query, count);
  start_tile<kDim>(memory.q, q + call.query_at(first_query, head), call.query_stride(), count,
                   call.head_dim, call.is_wide);
  wait_for_copies();
  __syncthreads();
  const LeftRows<T, kDim> queries(memory.q + warp_row * stride_of<T>(kDim));
  const int first_key = memory.visible.starts[0];
  const int end_key = memory.visible.rows[count - 1] + 1;
  RowSoftmax rows[2];
  Sums<kDim> sums;
  sums.clear();
  start_keys(k, memory.k, first_key, end_key);
  for (int key = first_key; key < end_key; key += kTileRows) {
    wait_for_copies();
    __syncthreads();  // the keys are there, and the values before have been read
    start_keys(v, memory.v, key, end_key);
    Sums<kTileRows> scores;
    scores.clear();
    multiply_turned<kTileRows, kDim>(scores, queries, memory.k);
    mask(scores, memory.visible, warp_row, key);
    soften(scores, unit, rows, sums);
    const LeftSums<T> weights(scores, memory.weights + warp_row * stride_of<T>(kTileRows));
    wait_for_copies();
    __syncthreads();  // the values are there, and the keys have been read
    if (key + kTileRows < end_key) {
      start_keys(k, memory.k, key + kTileRows, end_key);
    }
    multiply<kDim>(sums, weights, memory.v);
  }
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const float sum = row_reduce(rows[half].sum, Sum());
    for (int j = 0; j < kDim / 8; ++j) {
      sums.at[j][2 * half] /= sum;
      sums.at[j][2 * half + 1] /= sum;
    }
    const int row = warp_row + sum_row(2 * half);
    if (row < count && threadIdx.x % 4 == 0) {
      log_sums[static_cast<std::int64_t>(first_query + row) * call.heads + head] =
          (rows[half].shift + log2f(sum)) * kLn2;
    }
  }
  store_sums(sums, out + call.query_at(first_query + warp_row, head), call.query_stride(),
             count - warp_row, call.head_dim);
}

}  // namespace

AttentionCall call_of(Stream& stream, const AttentionShape& shape, const Tensor& query_rows,
                      const Tensor& document_starts, std::initializer_list<const Tensor*> tensors) {
  check(shape.keys() <= std::numeric_limits<std::int32_t>::max() - kTileRows, "attention over ",
        shape.keys(), " keys");
  bool is_wide = true;
  for (const Tensor* tensor : tensors) {
    const auto bytes = static_cast<std::int64_t>(bytes_of(tensor->dtype()));
    is_wide = is_wide && reinterpret_cast<std::uintptr_t>(tensor->raw()) % 16 == 0 &&
              shape.head_dim * bytes % 16 == 0;
  }
  return {.query_rows = data_of<std::int32_t>(query_rows),
          .document_starts = data_of<std::int32_t>(document_starts),
          .queries = static_cast<int>(query_rows.elements()),
          .keys = static_cast<int>(shape.keys()),
          .length = static_cast<int>(shape.length),
          .heads = static_cast<int>(shape.heads),
          .kv_heads = static_cast<int>(shape.kv_heads),
          .head_dim = static_cast<int>(shape.head_dim),
          .scale = static_cast<float>(1 / std::sqrt(static_cast<double>(shape.head_dim))),
          .is_wide = is_wide,
          .fault = stream.queue().fault()};
}

void attention(Stream& stream, const AttentionShape& shape, const Tensor& q, const Tensor& k,
               const Tensor& v, const Tensor& query_rows, const Tensor& document_starts,
               const Tensor& out, const Tensor& log_sums) {
  if (stream.queue().flash_attention().forward(stream, shape, q, k, v, query_rows, document_starts,
                                               out, log_sums)) {
    return;
  }
  const AttentionCall call = call_of(stream, shape, query_rows, document_starts, {&q, &k, &v});
  with_float_type(q.dtype(), [&]<class T>(T) {
    with_head_dim(shape.head_dim, [&]<int kDim>(std::integral_constant<int, kDim>) {
      launch(stream,
             {.blocks = {blocks_for(call.queries, kTileRows), static_cast<unsigned>(call.heads)},
              .threads = {kTileThreads},
              .shared_bytes = sizeof(ForwardMemory<T, kDim>)},
             attention_kernel<T, kDim>, call, data_of<T>(q), data_of<T>(k), data_of<T>(v),
             data_of<T>(out), data_of<float>(log_sums));
    });
  });
}

std::int64_t attentions_at_once(const AttentionShape& shape) {
  return FlashAttention::at_once(shape);
}

}  // namespace bam::cuda
