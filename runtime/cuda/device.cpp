#include "runtime/cuda/check_cuda.h"
#include "runtime/cuda/device.h"
#include "runtime/cuda/queue.h"

namespace bam::cuda {

std::string obstacle() {
  int count = 0;
  const cudaError_t code = cudaGetDeviceCount(&count);
  if (code != cudaSuccess) {
    return message_of("no GPU: ", cudaGetErrorString(code));
  }
  return count == 0 ? "no GPU on this machine" : "";
}

int device_count() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

void use_device(int index) { check_cuda(cudaSetDevice(index), "cudaSetDevice"); }

std::string device_address() {
  int device = 0;
  check_cuda(cudaGetDevice(&device), "cudaGetDevice");
  char address[32] = {};
  check_cuda(cudaDeviceGetPCIBusId(address, sizeof address, device), "cudaDeviceGetPCIBusId");
  return address;
}

void* allocate(std::size_t bytes) {
  void* block = nullptr;
  const cudaError_t code = cudaMalloc(&block, bytes);
  if (code == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // it is told to the caller, and not to the next call's
    return nullptr;
  }
  check_cuda(code, "cudaMalloc");
  return block;
}

void release(void* block) { cudaFree(block); }

void* allocate_pinned(std::size_t bytes) {
  void* block = nullptr;
  return cudaHostAlloc(&block, bytes, cudaHostAllocDefault) == cudaSuccess ? block : nullptr;
}

void release_pinned(void* block) { cudaFreeHost(block); }

std::shared_ptr<Queue> make_queue(Urgency urgency) {
  const std::string found = obstacle();
  check(found.empty(), found);
  return std::make_shared<Queue>(urgency);
}

void synchronise(Stream& stream) { stream.queue().synchronise(); }

std::int64_t waits(const Queue& queue) { return queue.waits(); }

void copy_to_host(Stream& stream, const void* from, void* to, std::size_t bytes) {
  stream.queue().copy_out(from, {static_cast<std::byte*>(to), bytes});
}

void copy_to_device(Stream& stream, const void* from, void* to, std::size_t bytes) {
  stream.queue().copy_in({static_cast<const std::byte*>(from), bytes}, to);
}

}  // namespace bam::cuda
