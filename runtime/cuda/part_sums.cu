#include "runtime/cuda/kernel.cuh"
#include "runtime/cuda/part_sums.h"

namespace bam::cuda {
namespace {

constexpr unsigned kSlices = 16;

// A block adds up kWarp elements: of each, thread (element, slice) every kSlices-th part, so that
// many loads are under way however few the elements.
__global__ void add_part_sums_kernel(const float* sums, std::int64_t parts, std::int64_t size,
                                     float* total) {
  __shared__ float slices[kSlices][kWarp];
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kWarp + threadIdx.x;
  float sum = 0;
  if (i < size) {
#pragma unroll 8
    for (std::int64_t part = threadIdx.y; part < parts; part += kSlices) {
      sum += sums[part * size + i];
    }
  }
  slices[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y == 0 && i < size) {
    for (unsigned slice = 1; slice < kSlices; ++slice) {
      sum += slices[slice][threadIdx.x];
    }
    total[i] += sum;
  }
}

}  // namespace

void add_part_sums(Stream& stream, const Tensor& sums, const Tensor& total) {
  launch(stream, {.blocks = {blocks_for(total.elements(), kWarp)}, .threads = {kWarp, kSlices}},
         add_part_sums_kernel, data_of<float>(sums), sums.rows(), total.elements(),
         data_of<float>(total));
}

}  // namespace bam::cuda
