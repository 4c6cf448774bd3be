#pragma once

// A stable counting sort: items in the order of small keys, those of one key as they came. Three
// kernels, no atomics, no wait: counts of each chunk of items, their running sums, places.

#include "runtime/cuda/kernel.cuh"

namespace bam::cuda {

inline constexpr int kMostBuckets = 256;
inline constexpr int kChunkItems = kThreads;  // one item a thread

/// The chunk's number of items in each bucket, and of this thread's item how many of its bucket
/// come before it in the chunk. All threads of a block take part; a bucket of -1 is no item.
struct ChunkPlace {
  int count_of_own_bucket;  // bucket threadIdx.x
  int before;
};

__device__ inline ChunkPlace place_in_chunk(int bucket) {
  constexpr int kWarps = kChunkItems / kWarp;
  __shared__ int counts[kWarps][kMostBuckets];
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const unsigned below = (1U << (threadIdx.x % kWarp)) - 1U;
  for (int i = 0; i < kWarps; ++i) {
    counts[i][threadIdx.x] = 0;
  }
  __syncthreads();
  const unsigned same = __match_any_sync(kAllLanes, bucket);
  const int before_in_warp = __popc(same & below);
  if (bucket >= 0 && before_in_warp == 0) {
    counts[warp][bucket] = __popc(same);
  }
  __syncthreads();
  int total = 0;
  for (int i = 0; i < kWarps; ++i) {
    const int here = counts[i][threadIdx.x];
    counts[i][threadIdx.x] = total;
    total += here;
  }
  __syncthreads();
  return {total, bucket < 0 ? 0 : counts[warp][bucket] + before_in_warp};
}

/// counts (buckets, chunks). One block a chunk.
template <class Key>
__global__ void count_kernel(Key key, std::int64_t items, int buckets, int* counts) {
  const std::int64_t item = place();
  const int bucket = item < items ? key(item) : -1;
  const ChunkPlace found = place_in_chunk(bucket);
  if (static_cast<int>(threadIdx.x) < buckets) {
    counts[threadIdx.x * gridDim.x + blockIdx.x] = found.count_of_own_bucket;
  }
}

/// write(item, its place, its bucket) of every item.
template <class Key, class Write>
__global__ void place_kernel(Key key, std::int64_t items, const int* before, Write write) {
  const std::int64_t item = place();
  const int bucket = item < items ? key(item) : -1;
  const ChunkPlace found = place_in_chunk(bucket);
  if (bucket >= 0) {
    write(item, before[bucket * gridDim.x + blockIdx.x] + found.before, bucket);
  }
}

/// Turns counts (buckets, chunks) into what comes before them, and starts (buckets + 1) into the
/// first place of each bucket, and the end.
void running_sums(Stream& stream, int* counts, int buckets, int chunks, int* starts);

/// Calls write for every item of [0, items) by the bucket that key gives it, below `buckets`.
/// Returns the first place of each bucket, and the end: (buckets + 1) int32.
template <class Key, class Write>
Tensor order_stably(Stream& stream, std::int64_t items, int buckets, Key key, Write write) {
  check(buckets <= kMostBuckets, "order by ", buckets, " keys: at most ", kMostBuckets);
  const unsigned chunks = blocks_for(items, kChunkItems);
  const Tensor counts(stream, {buckets, chunks}, DType::kInt32);
  Tensor starts(stream, {buckets + 1}, DType::kInt32);
  launch(stream, {.blocks = {chunks}}, count_kernel<Key>, key, items, buckets,
         data_of<std::int32_t>(counts));
  running_sums(stream, data_of<std::int32_t>(counts), buckets, static_cast<int>(chunks),
               data_of<std::int32_t>(starts));
  launch(stream, {.blocks = {chunks}}, place_kernel<Key, Write>, key, items,
         data_of<std::int32_t>(counts), write);
  return starts;
}

}  // namespace bam::cuda
