#include "runtime/cuda/queue.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>

#include "runtime/cuda/check_cuda.h"
#include "runtime/cuda/flash_attention.h"
#include "runtime/cuda/graph.h"
#include "runtime/cuda/grouped_products.h"
#include "runtime/cuda/products.h"

namespace bam::cuda {
namespace {

const char* name_of(int kind) {
  switch (kind) {
    case Fault::kToken:
      return "token";
    case Fault::kTarget:
      return "target";
    case Fault::kPosition:
      return "rope: position";
    case Fault::kExpert:
      return "chosen expert";
    case Fault::kQueryRow:
      return "attention: query's row";
    case Fault::kDocument:
      return "attention: document's start in its sequence";
    case Fault::kDocuments:
      return "attention: number of documents";
    default:
      return "row";
  }
}

template <class T>
T* pinned(std::size_t bytes) {
  void* block = nullptr;
  check_cuda(cudaHostAlloc(&block, bytes, cudaHostAllocDefault), "cudaHostAlloc");
  return static_cast<T*>(block);
}

}  // namespace

Queue::Queue(Urgency urgency)
    : products_(std::make_unique<Products>()),
      grouped_products_(std::make_unique<GroupedProducts>()),
      flash_attention_(std::make_unique<FlashAttention>()) {
  int least = 0;
  int most = 0;
  check_cuda(cudaDeviceGetStreamPriorityRange(&least, &most), "cudaDeviceGetStreamPriorityRange");
  check_cuda(cudaStreamCreateWithPriority(&handle_, cudaStreamNonBlocking,
                                          urgency == Urgency::kFirst ? most : least),
             "cudaStreamCreate");
  fault_ = new (pinned<Fault>(sizeof(Fault))) Fault();
  staging_ = pinned<std::byte>(kStagingBytes);
  for (int i = 0; i < 2; ++i) {
    halves_[i].bytes = staging_ + i * (kStagingBytes / 2);
    check_cuda(cudaEventCreateWithFlags(&halves_[i].is_read, cudaEventDisableTiming),
               "cudaEventCreate");
  }
}

// What fails here has failed before, or does no harm any more. While an exception is under way
// nobody waits: other ranks may never do their part of what is on the stream.
Queue::~Queue() {
  if (std::uncaught_exceptions() > 0) {
    static_cast<void>(products_.release());
    static_cast<void>(grouped_products_.release());
    static_cast<void>(flash_attention_.release());
    return;
  }
  cudaStreamSynchronize(handle_);
  flash_attention_.reset();
  grouped_products_.reset();
  products_.reset();
  for (Half& half : halves_) {
    cudaEventDestroy(half.is_read);
  }
  cudaFreeHost(staging_);
  cudaFreeHost(fault_);
  cudaStreamDestroy(handle_);
}

void Queue::synchronise() {
  ++waits_;
  check_cuda(cudaStreamSynchronize(handle_), "waiting for the GPU");
  throw_fault();
}

void Queue::throw_fault() {
  const Fault found = *fault_;
  *fault_ = Fault();
  check(found.kind == Fault::kNone, name_of(found.kind), " ", found.value, " is not below ",
        found.end);
}

// The halves take turns: one is filled while the GPU reads the other. A graph reads what it keeps.
void Queue::copy_in(std::span<const std::byte> from, void* to) {
  if (from.empty()) {
    return;
  }
  if (graph_ != nullptr) {
    start_copy(graph_->keep(from), to, from.size());
    return;
  }
  constexpr std::size_t kHalfBytes = kStagingBytes / 2;
  for (std::size_t done = 0; done < from.size();) {
    if (used_ == kHalfBytes) {
      check_cuda(cudaEventRecord(halves_[half_].is_read, handle_), "cudaEventRecord");
      half_ = 1 - half_;
      waits_ += cudaEventQuery(halves_[half_].is_read) == cudaSuccess ? 0 : 1;
      check_cuda(cudaEventSynchronize(halves_[half_].is_read), "cudaEventSynchronize");
      used_ = 0;
    }
    const std::size_t bytes = std::min(kHalfBytes - used_, from.size() - done);
    std::byte* staged = halves_[half_].bytes + used_;
    std::memcpy(staged, from.data() + done, bytes);
    start_copy(staged, static_cast<std::byte*>(to) + done, bytes);
    used_ = std::min(kHalfBytes, used_ + (bytes + 15) / 16 * 16);
    done += bytes;
  }
}

void Queue::start_copy(const std::byte* pinned, void* to, std::size_t bytes) {
  check_cuda(cudaMemcpyAsync(to, pinned, bytes, cudaMemcpyHostToDevice, handle_),
             "copy to the GPU");
}

void Queue::copy_out(const void* from, std::span<std::byte> to) {
  if (!to.empty()) {
    check_cuda(cudaMemcpyAsync(to.data(), from, to.size(), cudaMemcpyDeviceToHost, handle_),
               "copy from the GPU");
  }
  synchronise();
}

}  // namespace bam::cuda
