#pragma once

// What the kernels share: launching, numbers, wide loads, sums over a warp and a block.

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <utility>

#include "runtime/cuda/check_cuda.h"
#include "runtime/cuda/fault.h"
#include "runtime/cuda/queue.h"
#include "runtime/dispatch.h"
#include "runtime/tensor.h"

namespace bam::cuda {

inline constexpr int kWarp = 32;
inline constexpr float kNegativeInfinity = -std::numeric_limits<float>::infinity();
inline constexpr unsigned kAllLanes = 0xffffffffU;
inline constexpr unsigned kThreads = 256;

/// The tensor's elements on the GPU; throws Error unless they are T and there.
template <class T>
T* data_of(const Tensor& tensor) {
  tensor.check_dtype(dtype_of<T>());
  check(tensor.empty() || tensor.device() == DeviceKind::kCuda,
        "a kernel of the GPU with a tensor ", text_of(tensor.shape()), " that is on ",
        name_of(tensor.device()));
  return reinterpret_cast<T*>(tensor.raw());
}

inline unsigned blocks_for(std::int64_t items, std::int64_t in_a_block) {
  return static_cast<unsigned>((items + in_a_block - 1) / in_a_block);
}

struct Grid {
  dim3 blocks;
  dim3 threads = {kThreads, 1, 1};
  std::size_t shared_bytes = 0;
};

/// A thread for each item.
inline Grid thread_each(std::int64_t items) { return {.blocks = {blocks_for(items, kThreads)}}; }
/// A warp for each row.
inline Grid warp_a_row(std::int64_t rows) {
  return {.blocks = {blocks_for(rows, kThreads / kWarp)}};
}

/// Puts a kernel on the stream; without blocks there is nothing to do.
template <class... Parameters, class... Arguments>
void launch(Stream& stream, const Grid& grid, void (*kernel)(Parameters...),
            Arguments&&... arguments) {
  if (grid.blocks.x == 0 || grid.blocks.y == 0) {
    return;
  }
  if (grid.shared_bytes > 48 * 1024) {
    check_cuda(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    static_cast<int>(grid.shared_bytes)),
               "asking for shared memory");
  }
  cudaLaunchConfig_t how{};
  how.gridDim = grid.blocks;
  how.blockDim = grid.threads;
  how.dynamicSmemBytes = grid.shared_bytes;
  how.stream = stream.queue().handle();
  check_cuda(cudaLaunchKernelEx(&how, kernel, static_cast<Parameters>(arguments)...),
             "launching a kernel");
}

__device__ inline float widen(float value) { return value; }
__device__ inline float widen(bfloat16 value) {
  return __uint_as_float(static_cast<unsigned>(value.bits) << 16);
}

template <class T>
__device__ T rounded(float value);
template <>
__device__ inline float rounded<float>(float value) {
  return value;
}
template <>
__device__ inline bfloat16 rounded<bfloat16>(float value) {
  bfloat16 out;
  out.bits = __bfloat16_as_ushort(__float2bfloat16_rn(value));
  return out;
}

/// kWidth elements that move as one.
template <class T, int kWidth>
struct alignas(sizeof(T) * kWidth) Pack {
  T at[kWidth];
};

template <int kWidth, class T>
__device__ Pack<T, kWidth> load(const T* from) {
  return *reinterpret_cast<const Pack<T, kWidth>*>(from);
}
template <int kWidth, class T>
__device__ void store(const Pack<T, kWidth>& pack, T* to) {
  *reinterpret_cast<Pack<T, kWidth>*>(to) = pack;
}

/// Whether every row of these tensors can be read in packs of so many elements.
inline bool begin_in_packs(std::int64_t elements, std::int64_t cols,
                           std::initializer_list<const Tensor*> tensors) {
  bool is_aligned = cols % elements == 0;
  for (const Tensor* tensor : tensors) {
    const auto bytes = static_cast<std::size_t>(elements) * bytes_of(tensor->dtype());
    is_aligned = is_aligned && reinterpret_cast<std::uintptr_t>(tensor->raw()) % bytes == 0;
  }
  return is_aligned;
}

/// The widest of 4 and 1 elements that every row of these tensors can be read in.
inline int width_of(std::int64_t cols, std::initializer_list<const Tensor*> tensors) {
  return begin_in_packs(4, cols, tensors) ? 4 : 1;
}

/// body(integral_constant of `width`).
template <class Body>
void with_width(int width, Body&& body) {
  if (width == 4) {
    body(std::integral_constant<int, 4>{});
  } else {
    body(std::integral_constant<int, 1>{});
  }
}

/// body(integral_constant of as many elements of T as fill 16 bytes), or of 1 where rows of these
/// tensors cannot be read so.
template <class T, class Body>
void with_wide_rows(std::int64_t cols, std::initializer_list<const Tensor*> tensors, Body&& body) {
  constexpr int kWide = 16 / static_cast<int>(sizeof(T));
  if (begin_in_packs(kWide, cols, tensors)) {
    body(std::integral_constant<int, kWide>{});
  } else {
    body(std::integral_constant<int, 1>{});
  }
}

struct Sum {
  __device__ float operator()(float a, float b) const { return a + b; }
};
struct Largest {
  __device__ float operator()(float a, float b) const { return b > a ? b : a; }  // passes NaN over
};

/// Every lane gets the warp's result, the same bits.
template <class Combine>
__device__ float warp_reduce(float value, Combine combine) {
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    value = combine(value, __shfl_xor_sync(kAllLanes, value, distance));
  }
  return value;
}

/// Every thread gets the block's result, the same bits; all threads of the block take part.
template <class Combine>
__device__ float block_reduce(float value, Combine combine, float identity) {
  __shared__ float parts[kWarp];
  const unsigned lane = threadIdx.x % kWarp;
  value = warp_reduce(value, combine);
  __syncthreads();  // the parts of a call before have been read
  if (lane == 0) {
    parts[threadIdx.x / kWarp] = value;
  }
  __syncthreads();
  return warp_reduce(lane < blockDim.x / kWarp ? parts[lane] : identity, combine);
}

/// The first thread gets the block's sum, in a fixed order; all kThreads threads take part.
__device__ inline double block_sum(double value) {
  __shared__ double parts[kThreads];
  __syncthreads();  // the parts of a call before have been read
  parts[threadIdx.x] = value;
  for (unsigned half = kThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) {
      parts[threadIdx.x] += parts[threadIdx.x + half];
    }
  }
  return parts[0];
}

/// Whether 0 <= value < end; the first that is not is kept for the host.
__device__ inline bool is_below(int value, std::int64_t end, Fault::Kind kind, Fault* fault) {
  if (0 <= value && value < end) {
    return true;
  }
  if (atomicCAS(&fault->kind, static_cast<int>(Fault::kNone), static_cast<int>(kind)) ==
      Fault::kNone) {
    fault->value = value;
    fault->end = end;
  }
  return false;
}

/// The thread's place among all of a one-dimensional grid.
__device__ inline std::int64_t place() {
  return static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}

}  // namespace bam::cuda
