#include "runtime/cuda/attention.cuh"
#include "runtime/cuda/flash_attention.h"
#include "runtime/cuda/kernels.h"

namespace bam::cuda {
namespace {

// One warp a query's head: <d_out, out>, what the softmax's gradient subtracts.
template <class T>
__global__ void shifts_kernel(const T* out, const T* d_out, float* shifts, std::int64_t count,
                              int head_dim) {
  const std::int64_t i = place() / kWarp;
  if (i >= count) {
    return;
  }
  float sum = 0;
  for (int j = static_cast<int>(threadIdx.x) % kWarp; j < head_dim; j += kWarp) {
    sum += widen(out[i * head_dim + j]) * widen(d_out[i * head_dim + j]);
  }
  sum = warp_reduce(sum, Sum());
  if (threadIdx.x % kWarp == 0) {
    shifts[i] = sum;
  }
}

// Of each query of a tile what its softmax was; the logarithm is of base 2.
struct Softmaxes {
  float log_sums[kTileRows];
  float shifts[kTileRows];

  __device__ void load(const AttentionCall& call, const float* all_log_sums,
                       const float* all_shifts, int head, int first, int count) {
    for (int i = static_cast<int>(threadIdx.x); i < kTileRows; i += kTileThreads) {
      const std::int64_t at = static_cast<std::int64_t>(first + i) * call.heads + head;
      log_sums[i] = i < count ? all_log_sums[at] * kLog2E : 0.0F;
      shifts[i] = i < count ? all_shifts[at] : 0.0F;
    }
  }
};

template <class T, int kDim>
struct BackwardMemory {
  T q[kTileRows * stride_of<T>(kDim)];
  T k[kTileRows * stride_of<T>(kDim)];
  T v[kTileRows * stride_of<T>(kDim)];
  T d_out[kTileRows * stride_of<T>(kDim)];
  T weights[LeftSums<T>::kTileElements];
  Visible visible;
  Softmaxes softmaxes;
};

struct Pair {
  float weight;
  float d_score;
};

// From a score and the gradient of its weight to the weight and the gradient of the score.
__device__ Pair pair_of(const AttentionCall& call, const Visible& visible,
                        const Softmaxes& softmaxes, int query, int key, float score,
                        float d_weight) {
  if (!visible.sees(query, key)) {
    return {0, 0};
  }
  const float weight = exp2f(score * call.scale * kLog2E - softmaxes.log_sums[query]);
  return {weight, weight * (d_weight - softmaxes.shifts[query]) * call.scale};
}

// Blocks (tile of queries, head), as forward.
template <class T, int kDim>
__global__ void __launch_bounds__(kTileThreads)
    query_gradient_kernel(AttentionCall call, const T* q, const T* k, const T* v, const T* d_out,
                          const float* log_sums, const float* shifts, T* dq) {
  auto& memory = *reinterpret_cast<BackwardMemory<T, kDim>*>(shared_memory());
  const int first_query = static_cast<int>(gridDim.x - 1 - blockIdx.x) * kTileRows;
  const int count = call.queries - first_query < kTileRows ? call.queries - first_query : kTileRows;
  const int head = static_cast<int>(blockIdx.y);
  const int kv_head = head / call.group();
  const int warp_row = static_cast<int>(threadIdx.x) / kWarp * kWarpRows;
  const std::int64_t at = call.query_at(first_query, head);

  memory.visible.load(call, first_query, count);
  memory.softmaxes.load(call, log_sums, shifts, head, first_query, count);
  start_tile<kDim>(memory.q, q + at, call.query_stride(), count, call.head_dim, call.is_wide);
  start_tile<kDim>(memory.d_out, d_out + at, call.query_stride(), count, call.head_dim,
                   call.is_wide);
  wait_for_copies();
  __syncthreads();
  const int last_key = memory.visible.rows[count - 1];
  Sums<kDim> sums;
  sums.clear();
  for (int key = memory.visible.starts[0]; key <= last_key; key += kTileRows) {
    const int key_count = last_key + 1 - key;
    __syncthreads();  // the tiles before have been read
    start_tile<kDim>(memory.k, k + call.key_at(key, kv_head), call.key_stride(), key_count,
                     call.head_dim, call.is_wide);
    start_tile<kDim>(memory.v, v + call.key_at(key, kv_head), call.key_stride(), key_count,
                     call.head_dim, call.is_wide);
    wait_for_copies();
    __syncthreads();
    const int offset = warp_row * stride_of<T>(kDim);
    Sums<kTileRows> scores;
    Sums<kTileRows> d_weights;
    scores.clear();
    d_weights.clear();
    multiply_turned<kTileRows, kDim>(scores, LeftRows<T, kDim>(memory.q + offset), memory.k);
    multiply_turned<kTileRows, kDim>(d_weights, LeftRows<T, kDim>(memory.d_out + offset), memory.v);
#pragma unroll
    for (int j = 0; j < kTileRows / 8; ++j) {
      for (int i = 0; i < 4; ++i) {
        scores.at[j][i] = pair_of(call, memory.visible, memory.softmaxes, warp_row + sum_row(i),
                                  key + sum_col(j, i), scores.at[j][i], d_weights.at[j][i])
                              .d_score;
      }
    }
    const LeftSums<T> d_scores(scores, memory.weights + warp_row * stride_of<T>(kTileRows));
    multiply<kDim>(sums, d_scores, memory.k);
  }
  store_sums(sums, dq + at + warp_row * call.query_stride(), call.query_stride(), count - warp_row,
             call.head_dim);
}

// The first query of [0, queries) for which `is_past` holds; it holds for all after it.
template <class IsPast>
__device__ int first_past(int queries, IsPast is_past) {
  int begin = 0;
  int end = queries;
  while (begin < end) {
    const int middle = begin + (end - begin) / 2;
    if (is_past(middle)) {
      end = middle;
    } else {
      begin = middle + 1;
    }
  }
  return begin;
}

// Blocks (tile of keys, key head): every query that sees one of the keys, of all heads of the
// group, in order. Warp w has keys 16 w to 16 w + 15.
template <class T, int kDim>
__global__ void __launch_bounds__(kTileThreads)
    key_gradient_kernel(AttentionCall call, const T* q, const T* k, const T* v, const T* d_out,
                        const float* log_sums, const float* shifts, T* dk, T* dv) {
  auto& memory = *reinterpret_cast<BackwardMemory<T, kDim>*>(shared_memory());
  const int first_key = static_cast<int>(blockIdx.x) * kTileRows;
  const int key_count = call.keys - first_key < kTileRows ? call.keys - first_key : kTileRows;
  const int kv_head = static_cast<int>(blockIdx.y);
  const int warp_row = static_cast<int>(threadIdx.x) / kWarp * kWarpRows;
  const std::int64_t at = call.key_at(first_key, kv_head);

  start_tile<kDim>(memory.k, k + at, call.key_stride(), key_count, call.head_dim, call.is_wide);
  start_tile<kDim>(memory.v, v + at, call.key_stride(), key_count, call.head_dim, call.is_wide);
  // Rows ascend from query to query, and so do their documents' starts.
  const int begin =
      first_past(call.queries, [&](int i) { return call.query_rows[i] >= first_key; });
  const int end = first_past(call.queries, [&](int i) {
    return call.start_of(call.query_rows[i]) >= first_key + key_count;
  });
  wait_for_copies();
  Sums<kDim> dk_sums;
  Sums<kDim> dv_sums;
  dk_sums.clear();
  dv_sums.clear();
  for (int head = kv_head * call.group(); head < (kv_head + 1) * call.group(); ++head) {
    for (int query = begin; query < end; query += kTileRows) {
      const int count = end - query < kTileRows ? end - query : kTileRows;
      const std::int64_t query_at = call.query_at(query, head);
      __syncthreads();  // the tiles before have been read
      memory.visible.load(call, query, count);
      memory.softmaxes.load(call, log_sums, shifts, head, query, count);
      start_tile<kDim>(memory.q, q + query_at, call.query_stride(), count, call.head_dim,
                       call.is_wide);
      start_tile<kDim>(memory.d_out, d_out + query_at, call.query_stride(), count, call.head_dim,
                       call.is_wide);
      wait_for_copies();
      __syncthreads();
      const int offset = warp_row * stride_of<T>(kDim);
      Sums<kTileRows> scores;  // (key, query)
      Sums<kTileRows> d_scores;
      scores.clear();
      d_scores.clear();
      multiply_turned<kTileRows, kDim>(scores, LeftRows<T, kDim>(memory.k + offset), memory.q);
      multiply_turned<kTileRows, kDim>(d_scores, LeftRows<T, kDim>(memory.v + offset),
                                       memory.d_out);
#pragma unroll
      for (int j = 0; j < kTileRows / 8; ++j) {
        for (int i = 0; i < 4; ++i) {
          const Pair pair =
              pair_of(call, memory.visible, memory.softmaxes, sum_col(j, i),
                      first_key + warp_row + sum_row(i), scores.at[j][i], d_scores.at[j][i]);
          scores.at[j][i] = pair.weight;
          d_scores.at[j][i] = pair.d_score;
        }
      }
      T* rows = memory.weights + warp_row * stride_of<T>(kTileRows);
      multiply<kDim>(dv_sums, LeftSums<T>(scores, rows), memory.d_out);
      multiply<kDim>(dk_sums, LeftSums<T>(d_scores, rows), memory.q);
    }
  }
  const std::int64_t own = at + warp_row * call.key_stride();
  store_sums(dk_sums, dk + own, call.key_stride(), key_count - warp_row, call.head_dim);
  store_sums(dv_sums, dv + own, call.key_stride(), key_count - warp_row, call.head_dim);
}

}  // namespace

// Seven products where five would do: scores are computed once for the queries' gradients and once
// for the keys', so that no sum depends on which block comes first.
void attention_backward(Stream& stream, const AttentionShape& shape, const Tensor& q,
                        const Tensor& k, const Tensor& v, const Tensor& query_rows,
                        const Tensor& document_starts, const Tensor& out, const Tensor& log_sums,
                        const Tensor& d_out, const Tensor& dq, const Tensor& dk, const Tensor& dv) {
  if (stream.queue().flash_attention().backward(stream, shape, q, k, v, query_rows, document_starts,
                                                out, log_sums, d_out, dq, dk, dv)) {
    return;
  }
  const AttentionCall call =
      call_of(stream, shape, query_rows, document_starts, {&q, &k, &v, &d_out});
  const Tensor shifts(stream, log_sums.shape(), DType::kFloat32);
  with_float_type(q.dtype(), [&]<class T>(T) {
    launch(stream, warp_a_row(shifts.elements()), shifts_kernel<T>, data_of<T>(out),
           data_of<T>(d_out), data_of<float>(shifts), shifts.elements(), call.head_dim);
    with_head_dim(shape.head_dim, [&]<int kDim>(std::integral_constant<int, kDim>) {
      const std::size_t bytes = sizeof(BackwardMemory<T, kDim>);
      launch(stream,
             {.blocks = {blocks_for(call.queries, kTileRows), static_cast<unsigned>(call.heads)},
              .threads = {kTileThreads},
              .shared_bytes = bytes},
             query_gradient_kernel<T, kDim>, call, data_of<T>(q), data_of<T>(k), data_of<T>(v),
             data_of<T>(d_out), data_of<float>(log_sums), data_of<float>(shifts), data_of<T>(dq));
      launch(stream,
             {.blocks = {blocks_for(call.keys, kTileRows), static_cast<unsigned>(call.kv_heads)},
              .threads = {kTileThreads},
              .shared_bytes = bytes},
             key_gradient_kernel<T, kDim>, call, data_of<T>(q), data_of<T>(k), data_of<T>(v),
             data_of<T>(d_out), data_of<float>(log_sums), data_of<float>(shifts), data_of<T>(dk),
             data_of<T>(dv));
    });
  });
}

}  // namespace bam::cuda
