#pragma once

#include <cstddef>

namespace bam::cuda {

/// The block's dynamic shared memory, aligned to 16 bytes.
__device__ inline std::byte* shared_memory() {
  extern __shared__ __align__(16) std::byte block_bytes[];
  return block_bytes;
}

}  // namespace bam::cuda
