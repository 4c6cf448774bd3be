#pragma once

#include <cuda_runtime.h>

#include "runtime/check.h"

namespace bam::cuda {

/// Throws Error with CUDA's own words unless `code` is success.
inline void check_cuda(cudaError_t code, const char* what) {
  check(code == cudaSuccess, what, ": ", cudaGetErrorString(code));
}

}  // namespace bam::cuda
