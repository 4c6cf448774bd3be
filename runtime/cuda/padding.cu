// The experts' rows at fixed places, whatever their counts.
#include "runtime/cuda/kernel.cuh"
#include "runtime/cuda/kernels.h"
#include "runtime/cuda/order.cuh"

namespace bam::cuda {
namespace {

// starts[e] = the rows before expert e; starts[experts] = all. All threads of a block take part.
__device__ void sum_up(const std::int32_t* counts, int experts, int* starts) {
  if (threadIdx.x == 0) {
    int before = 0;
    for (int expert = 0; expert < experts; ++expert) {
      starts[expert] = before;
      before += counts[expert];
    }
    starts[experts] = before;
  }
  __syncthreads();
}

// The last expert that starts at `row` or before it.
__device__ int expert_of(int row, const int* starts, int experts) {
  int low = 0;
  int high = experts;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    (starts[middle] <= row ? low : high) = middle;
  }
  return low;
}

// One thread a padded row.
__global__ void pad_rows_kernel(const std::int32_t* token_of_row, const std::int32_t* counts,
                                int experts, std::int64_t capacity, std::int32_t* padded) {
  __shared__ int starts[kMostBuckets + 1];
  sum_up(counts, experts, starts);
  const std::int64_t row = place();
  if (row < experts * capacity) {
    const auto expert = static_cast<int>(row / capacity);
    const auto i = static_cast<int>(row % capacity);
    padded[row] = i < counts[expert] ? token_of_row[starts[expert] + i] : kNoRow;
  }
}

// One thread a slot.
__global__ void pad_slots_kernel(const std::int32_t* row_of_slot, const std::int32_t* counts,
                                 int experts, std::int64_t slots, std::int64_t capacity,
                                 std::int32_t* padded) {
  __shared__ int starts[kMostBuckets + 1];
  sum_up(counts, experts, starts);
  const std::int64_t slot = place();
  if (slot < slots) {
    const int row = row_of_slot[slot];
    const int expert = expert_of(row, starts, experts);
    const int i = row - starts[expert];
    padded[slot] = i < capacity ? static_cast<std::int32_t>(expert * capacity + i) : kNoRow;
  }
}

}  // namespace

ExpertOrder padded(Stream& stream, const ExpertOrder& order, std::int64_t capacity) {
  const auto experts = static_cast<int>(order.counts.elements());
  check(experts <= kMostBuckets, experts, " experts on a GPU: at most ", kMostBuckets);
  ExpertOrder out{Tensor(stream, {experts * capacity}, DType::kInt32),
                  Tensor(stream, order.row_of_slot.shape(), DType::kInt32), order.counts};
  launch(stream, thread_each(out.token_of_row.elements()), pad_rows_kernel,
         data_of<std::int32_t>(order.token_of_row), data_of<std::int32_t>(order.counts), experts,
         capacity, data_of<std::int32_t>(out.token_of_row));
  const std::int64_t slots = order.row_of_slot.elements();
  launch(stream, thread_each(slots), pad_slots_kernel, data_of<std::int32_t>(order.row_of_slot),
         data_of<std::int32_t>(order.counts), experts, slots, capacity,
         data_of<std::int32_t>(out.row_of_slot));
  return out;
}

}  // namespace bam::cuda
