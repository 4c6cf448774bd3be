#pragma once

#include <cuda_runtime.h>

#include <memory>
#include <span>

#include "runtime/cuda/fault.h"
#include "runtime/stream.h"

namespace bam::cuda {

class FlashAttention;
class Graph;
class GroupedProducts;
class Products;

/// A CUDA stream with what its kernels share.
class Queue {
 public:
  explicit Queue(Urgency urgency);
  ~Queue();
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  cudaStream_t handle() const { return handle_; }
  Products& products() { return *products_; }
  GroupedProducts& grouped_products() { return *grouped_products_; }
  FlashAttention& flash_attention() { return *flash_attention_; }
  /// For kernels to write to; the host's own memory.
  Fault* fault() const { return fault_; }

  /// Waits; throws Error if a kernel wrote a fault.
  void synchronise();
  /// Copies through pinned memory, so that `from` may be reused when it returns.
  void copy_in(std::span<const std::byte> from, void* to);
  void copy_out(const void* from, std::span<std::byte> to);
  /// Has what it is given from now on added to the graph instead of done; nullptr ends that.
  void record(Graph* graph) { graph_ = graph; }
  /// How often the host has waited here.
  std::int64_t waits() const { return waits_; }

 private:
  static constexpr std::size_t kStagingBytes = std::size_t{16} << 20;

  // A half of the staging memory, and when the GPU has read it.
  struct Half {
    std::byte* bytes = nullptr;
    cudaEvent_t is_read = nullptr;
  };

  void throw_fault();
  void start_copy(const std::byte* pinned, void* to, std::size_t bytes);

  cudaStream_t handle_ = nullptr;
  Fault* fault_ = nullptr;
  std::byte* staging_ = nullptr;
  Half halves_[2];
  std::size_t used_ = kStagingBytes / 2;  // of the half in use
  int half_ = 0;
  std::int64_t waits_ = 0;
  Graph* graph_ = nullptr;  // being recorded
  std::unique_ptr<Products> products_;
  std::unique_ptr<GroupedProducts> grouped_products_;
  std::unique_ptr<FlashAttention> flash_attention_;
};

}  // namespace bam::cuda
