#pragma once

// What the project uses of CUDA's runtime and of its device functions, on the host: device memory
// is the host's, streams are queues (tests/emulation/work_queue.h), and kernels run as
// tests/emulation/emulator.h says.

#include <math.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/emulation/emulator.h"
#include "tests/emulation/work_queue.h"

#define __global__
#define __device__
#define __host__
#define __launch_bounds__(...)
#define __shared__ static  // one block at a time

using dim3 = bam::emulation::Size;
using bam::emulation::blockDim;
using bam::emulation::blockIdx;
using bam::emulation::gridDim;
using bam::emulation::threadIdx;

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorNotReady = 600,
  cudaErrorStreamCaptureUnsupported = 900,
  cudaErrorStreamCaptureUnjoined = 904,
  cudaErrorStreamCaptureIsolation = 905,
  cudaErrorCapturedEvent = 907
};
using cudaStream_t = bam::emulation::WorkQueue*;
using cudaEvent_t = bam::emulation::Event*;
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };
inline constexpr unsigned cudaStreamNonBlocking = 1;
inline constexpr unsigned cudaHostAllocDefault = 0;
inline constexpr unsigned cudaEventDisableTiming = 2;

struct cudaLaunchAttribute {};
struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  std::size_t dynamicSmemBytes;
  cudaStream_t stream;
  cudaLaunchAttribute* attrs;
  unsigned numAttrs;
};

inline const char* cudaGetErrorString(cudaError_t) { return "emulated error"; }
inline cudaError_t cudaGetLastError() { return cudaSuccess; }
inline cudaError_t cudaGetDeviceCount(int* count) { return *count = 1, cudaSuccess; }
inline cudaError_t cudaGetDevice(int* device) { return *device = 0, cudaSuccess; }
inline cudaError_t cudaSetDevice(int device) {
  return device == 0 ? cudaSuccess : cudaErrorInvalidValue;
}
enum cudaDeviceAttr { cudaDevAttrComputeCapabilityMajor };
inline cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr, int) {
  return *value = 9, cudaSuccess;
}
inline cudaError_t cudaDeviceGetPCIBusId(char* address, int, int) {
  return std::strcpy(address, "0000:00:00.0"), cudaSuccess;
}
inline cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* most) {
  return *least = 0, *most = -1, cudaSuccess;
}
inline cudaError_t cudaMalloc(void** block, std::size_t bytes) {
  *block = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  std::memset(*block, 0xff, bytes);
  return cudaSuccess;
}
inline cudaError_t cudaFree(void* block) {
  return bam::emulation::drain(), std::free(block), cudaSuccess;
}
inline cudaError_t cudaHostAlloc(void** block, std::size_t bytes, unsigned) {
  return *block = bam::emulation::take_pinned(bytes), cudaSuccess;
}
inline cudaError_t cudaFreeHost(void* block) {
  return bam::emulation::give_pinned(block), cudaSuccess;
}

inline cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned, int) {
  return *stream = bam::emulation::make_queue(), cudaSuccess;
}
inline cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return bam::emulation::drop_queue(stream), cudaSuccess;
}
inline cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (stream->is_captured()) {
    return cudaErrorStreamCaptureUnsupported;
  }
  bam::emulation::wait_until(stream, [=] { return stream->is_empty(); });
  return cudaSuccess;
}
inline cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  return stream->wait(*event) ? cudaSuccess : cudaErrorStreamCaptureIsolation;
}

using cudaGraph_t = std::shared_ptr<bam::emulation::Capture>*;
using cudaGraphExec_t = cudaGraph_t;
enum cudaStreamCaptureMode { cudaStreamCaptureModeRelaxed = 2 };
inline constexpr unsigned long long cudaGraphInstantiateFlagUseNodePriority = 8;
enum cudaStreamCaptureStatus { cudaStreamCaptureStatusNone, cudaStreamCaptureStatusActive };

inline cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  return stream->begin_capture(), cudaSuccess;
}
inline cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  *status = stream->is_captured() ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
  return cudaSuccess;
}
inline cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  auto captured = stream->end_capture();
  if (!captured->is_joined()) {
    return *graph = nullptr, cudaErrorStreamCaptureUnjoined;
  }
  *graph = new std::shared_ptr<bam::emulation::Capture>(std::move(captured));
  return cudaSuccess;
}
inline cudaError_t cudaGraphInstantiate(cudaGraphExec_t* ready, cudaGraph_t graph,
                                        unsigned long long) {
  return *ready = new std::shared_ptr<bam::emulation::Capture>(*graph), cudaSuccess;
}
inline cudaError_t cudaGraphDestroy(cudaGraph_t graph) { return delete graph, cudaSuccess; }
inline cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) { return delete graph, cudaSuccess; }
inline cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream) {
  return (*graph)->launch(stream), cudaSuccess;
}

inline cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  return *event = new bam::emulation::Event(), cudaSuccess;
}
inline cudaError_t cudaEventDestroy(cudaEvent_t event) { return delete event, cudaSuccess; }
inline cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return *event = stream->record(), cudaSuccess;
}
inline cudaError_t cudaEventQuery(cudaEvent_t event) {
  if (event->capture != nullptr) {
    return cudaErrorCapturedEvent;
  }
  const bool is_over = event->is_over == nullptr ||
                       bam::emulation::look(event->queue, [=] { return *event->is_over; });
  return is_over ? cudaSuccess : cudaErrorNotReady;
}
inline cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  if (event->capture != nullptr) {
    return cudaErrorCapturedEvent;
  }
  if (event->is_over != nullptr) {
    bam::emulation::wait_until(event->queue, [=] { return *event->is_over; });
  }
  return cudaSuccess;
}

inline cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  stream->put([=] { return std::memset(to, value, bytes), true; });
  return cudaSuccess;
}
inline cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes,
                                   cudaMemcpyKind kind, cudaStream_t stream) {
  if (kind == cudaMemcpyHostToDevice && !bam::emulation::is_pinned(from)) {
    const auto* begin = static_cast<const std::byte*>(from);
    stream->put([to, taken = std::vector<std::byte>(begin, begin + bytes)] {
      return std::memcpy(to, taken.data(), taken.size()), true;
    });
    return cudaSuccess;
  }
  stream->put([=] { return std::memmove(to, from, bytes), true; });
  return cudaSuccess;
}
template <class Kernel>
cudaError_t cudaFuncSetAttribute(Kernel, cudaFuncAttribute, int) {
  return cudaSuccess;
}
template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* how, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  how->stream->put([how = *how, kernel,
                    taken = std::tuple<Parameters...>(static_cast<Parameters>(arguments)...)] {
    bam::emulation::run(how.gridDim, how.blockDim, how.dynamicSmemBytes,
                        [&] { std::apply(kernel, taken); });
    return true;
  });
  return cudaSuccess;
}

inline void __syncthreads() { bam::emulation::wait_for_block(); }
inline void __syncwarp(unsigned = ~0U) { bam::emulation::wait_for_warp(); }

namespace bam::emulation {
template <class T>
T lane_value(T value, int lane) {
  std::uint64_t word = 0;
  std::memcpy(&word, &value, sizeof value);
  const std::uint64_t found = exchange(word)[static_cast<std::size_t>(lane) % kWarpSize];
  std::memcpy(&value, &found, sizeof value);
  return value;
}
inline int own_lane() {
  const std::size_t row = threadIdx.y + std::size_t{blockDim.y} * threadIdx.z;
  return static_cast<int>((threadIdx.x + blockDim.x * row) % kWarpSize);
}
}  // namespace bam::emulation

template <class T>
T __shfl_xor_sync(unsigned, T value, int mask) {
  return bam::emulation::lane_value(value, bam::emulation::own_lane() ^ mask);
}
inline unsigned __match_any_sync(unsigned, int value) {
  const auto words = bam::emulation::exchange(static_cast<std::uint32_t>(value));
  unsigned mask = 0;
  for (std::size_t lane = 0; lane < words.size(); ++lane) {
    mask |= words[lane] == static_cast<std::uint32_t>(value) ? 1U << lane : 0U;
  }
  return mask;
}

inline float __fdividef(float a, float b) { return std::fabs(b) < 0x1p126F ? a / b : 0.0F; }
inline float __expf(float x) { return std::exp(x); }
inline int __popc(unsigned word) { return std::popcount(word); }
inline float __uint_as_float(unsigned bits) { return std::bit_cast<float>(bits); }
inline unsigned __float_as_uint(float value) { return std::bit_cast<unsigned>(value); }
inline int atomicAdd(int* at, int value) {
  const int before = *at;
  *at = before + value;
  return before;
}
inline int atomicCAS(int* at, int expected, int value) {
  const int before = *at;
  *at = before == expected ? value : before;
  return before;
}
