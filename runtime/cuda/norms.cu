// Sums over many tensors: what the optimiser asks of all gradients.
#include <numeric>
#include <vector>

#include "runtime/cuda/kernel.cuh"
#include "runtime/cuda/kernels.h"

namespace bam::cuda {
namespace {

// Elements whose squares are one partial sum: as on the CPU.
constexpr std::int64_t kSumElements = 16384;

struct Part {
  const float* values;
  std::int64_t size;
};

// One block a part.
__global__ void squares_kernel(const Part* parts, double* sums) {
  const Part part = parts[blockIdx.x];
  double sum = 0;
  for (std::int64_t i = threadIdx.x; i < part.size; i += kThreads) {
    const double value = part.values[i];
    sum += value * value;
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) {
    sums[blockIdx.x] = sum;
  }
}

// Infinities and NaN have all ones in the exponent.
__global__ void not_finite_kernel(const float* values, std::int64_t size, int* found) {
  const std::int64_t i = place();
  if (i < size && (__float_as_uint(values[i]) & 0x7f800000U) == 0x7f800000U) {
    *found = 1;
  }
}

std::vector<Part> parts_of(std::span<const Tensor> tensors) {
  std::vector<Part> parts;
  for (const Tensor& values : tensors) {
    for (std::int64_t first = 0; first < values.elements(); first += kSumElements) {
      parts.push_back(
          {data_of<float>(values) + first, std::min(kSumElements, values.elements() - first)});
    }
  }
  return parts;
}

}  // namespace

double squared_norm(Stream& stream, std::span<const Tensor> tensors) {
  const std::vector<Part> parts = parts_of(tensors);
  const auto count = static_cast<std::int64_t>(parts.size());
  const auto words = static_cast<std::int64_t>(sizeof(Part) / 4);
  const Tensor table(stream, {count * words}, DType::kInt32);
  const Tensor sums(stream, {count * 2}, DType::kInt32);
  stream.queue().copy_in(std::as_bytes(std::span(parts)), table.raw());
  launch(stream, {.blocks = {static_cast<unsigned>(count)}}, squares_kernel,
         reinterpret_cast<const Part*>(table.raw()), reinterpret_cast<double*>(sums.raw()));
  std::vector<double> found(parts.size());
  stream.queue().copy_out(sums.raw(), std::as_writable_bytes(std::span(found)));
  return std::accumulate(found.begin(), found.end(), 0.0);
}

bool all_finite(Stream& stream, const Tensor& values) {
  const Tensor found(stream, {1}, DType::kInt32);
  cuda::fill_zero(stream, found);
  launch(stream, thread_each(values.elements()), not_finite_kernel, data_of<float>(values),
         values.elements(), data_of<std::int32_t>(found));
  std::int32_t any = 0;
  stream.queue().copy_out(found.raw(), std::as_writable_bytes(std::span(&any, 1)));
  return any == 0;
}

}  // namespace bam::cuda
