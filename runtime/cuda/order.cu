#include <algorithm>
#include <vector>

#include "runtime/cuda/kernels.h"
#include "runtime/cuda/order.cuh"

namespace bam::cuda {
namespace {

constexpr unsigned kScanThreads = 1024;

// Sum of the values of the threads before this one, over the block.
__device__ int sum_before(int value) {
  __shared__ int sums[kScanThreads];
  sums[threadIdx.x] = value;
  for (unsigned distance = 1; distance < kScanThreads; distance *= 2) {
    __syncthreads();
    const int before = threadIdx.x >= distance ? sums[threadIdx.x - distance] : 0;
    __syncthreads();
    sums[threadIdx.x] += before;
  }
  return sums[threadIdx.x] - value;
}

// One block: each thread takes a run of counts.
__global__ void running_sums_kernel(int* counts, int buckets, int chunks, int* starts) {
  const int total = buckets * chunks;
  const int run = (total + static_cast<int>(kScanThreads) - 1) / static_cast<int>(kScanThreads);
  const int first = static_cast<int>(threadIdx.x) * run;
  const int end = first + run < total ? first + run : total;
  int sum = 0;
  for (int i = first; i < end; ++i) {
    sum += counts[i];
  }
  int before = sum_before(sum);
  for (int i = first; i < end; ++i) {
    if (i % chunks == 0) {
      starts[i / chunks] = before;
    }
    const int here = counts[i];
    counts[i] = before;
    before += here;
  }
  if (first < total && end == total) {
    starts[buckets] = before;
  }
}

// Which of the wanted order's places an expert has.
struct PlaceOfExpert {
  std::uint8_t of[kMostBuckets];
};

struct ExpertKey {
  const std::int32_t* choices;
  PlaceOfExpert places;
  int experts;
  Fault* fault;

  __device__ int operator()(std::int64_t slot) const {
    const int expert = choices[slot];
    return is_below(expert, experts, Fault::kExpert, fault) ? places.of[expert] : 0;
  }
};

struct WriteSlot {
  std::int32_t* row_of_slot;
  std::int32_t* token_of_row;
  std::int64_t k;

  __device__ void operator()(std::int64_t slot, int row, int /*bucket*/) const {
    row_of_slot[slot] = row;
    token_of_row[row] = static_cast<std::int32_t>(slot / k);
  }
};

struct UsedKey {
  const float* dense;
  std::int64_t cols;
  PlaceOfExpert experts;  // in the order given
  int count;

  __device__ int operator()(std::int64_t row) const {
    for (int i = 0; i < count; ++i) {
      if (dense[row * cols + experts.of[i]] != 0.0F) {
        return 0;
      }
    }
    return 1;
  }
};

struct WriteUsedRow {
  std::int32_t* rows;

  __device__ void operator()(std::int64_t row, int place, int bucket) const {
    if (bucket == 0) {
      rows[place] = static_cast<std::int32_t>(row);
    }
  }
};

__global__ void differences_kernel(const int* starts, int* counts, int buckets) {
  const int i = static_cast<int>(place());
  if (i < buckets) {
    counts[i] = starts[i + 1] - starts[i];
  }
}

// The rows of one set of experts come first in `rows`, `counts` of them.
void start_rows_using(Stream& stream, const Tensor& dense, const std::vector<int>& experts,
                      const Tensor& rows, const Tensor& counts) {
  UsedKey key{data_of<float>(dense), dense.cols(), {}, static_cast<int>(experts.size())};
  for (std::size_t i = 0; i < experts.size(); ++i) {
    key.experts.of[i] = static_cast<std::uint8_t>(experts[i]);
  }
  const Tensor starts =
      order_stably(stream, dense.rows(), 2, key, WriteUsedRow{data_of<std::int32_t>(rows)});
  launch(stream, {.blocks = {1}}, differences_kernel, data_of<std::int32_t>(starts),
         data_of<std::int32_t>(counts), 1);
}

}  // namespace

void running_sums(Stream& stream, int* counts, int buckets, int chunks, int* starts) {
  launch(stream, {.blocks = {1}, .threads = {kScanThreads}}, running_sums_kernel, counts, buckets,
         chunks, starts);
}

ExpertOrder order_by_expert(Stream& stream, const Tensor& choices, std::span<const int> experts) {
  ExpertOrder order{Tensor(stream, {choices.elements()}, DType::kInt32),
                    Tensor(stream, choices.shape(), DType::kInt32),
                    Tensor(stream, {std::ssize(experts)}, DType::kInt32)};
  if (choices.empty()) {
    cuda::fill_zero(stream, order.counts);
    return order;
  }
  const auto count = static_cast<int>(experts.size());
  check(count <= kMostBuckets, count, " experts on a GPU: at most ", kMostBuckets);
  ExpertKey key{data_of<std::int32_t>(choices), {}, count, stream.queue().fault()};
  for (std::size_t i = 0; i < experts.size(); ++i) {
    key.places.of[experts[i]] = static_cast<std::uint8_t>(i);
  }
  const Tensor starts =
      order_stably(stream, choices.elements(), count, key,
                   WriteSlot{data_of<std::int32_t>(order.row_of_slot),
                             data_of<std::int32_t>(order.token_of_row), choices.cols()});
  launch(stream, thread_each(count), differences_kernel, data_of<std::int32_t>(starts),
         data_of<std::int32_t>(order.counts), count);
  return order;
}

// Waits for the numbers of rows, which are the tensors' sizes.
std::vector<Tensor> rows_using(Stream& stream, const Tensor& dense,
                               std::span<const std::vector<int>> sets) {
  check(dense.cols() <= kMostBuckets, dense.cols(), " experts on a GPU: at most ", kMostBuckets);
  std::vector<Tensor> rows;
  for (std::size_t i = 0; i < sets.size(); ++i) {
    rows.emplace_back(stream, Shape{dense.rows()}, DType::kInt32);
  }
  if (dense.empty() || sets.empty()) {
    return rows;
  }
  const Tensor counts(stream, {std::ssize(sets)}, DType::kInt32);
  for (std::size_t i = 0; i < sets.size(); ++i) {
    const auto place = static_cast<std::int64_t>(i);
    start_rows_using(stream, dense, sets[i], rows[i], counts.slice(place, place + 1));
  }
  std::vector<std::int32_t> found(sets.size());
  stream.queue().copy_out(counts.raw(), std::as_writable_bytes(std::span(found)));
  for (std::size_t i = 0; i < sets.size(); ++i) {
    rows[i] = rows[i].slice(0, found[i]);
  }
  return rows;
}

}  // namespace bam::cuda
