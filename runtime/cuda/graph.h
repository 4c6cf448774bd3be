#pragma once

#include <cuda_runtime.h>

#include <span>
#include <utility>
#include <vector>

#include "runtime/memory.h"

namespace bam::cuda {

/// Work recorded on a stream, as a CUDA graph, and the bytes of the host that it reads each time.
class Graph {
 public:
  Graph() = default;
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  /// Puts what the stream is given between them into the graph.
  void begin(cudaStream_t stream);
  void end(cudaStream_t stream);
  /// Leaves out what was given since begin.
  static void abandon(cudaStream_t stream);

  /// A copy that stands as long as the graph, for it to read.
  const std::byte* keep(std::span<const std::byte> bytes);

  void launch(cudaStream_t stream) const;

 private:
  Memory pinned_{Pages::kPinned};
  std::vector<std::pair<void*, std::size_t>> kept_;
  cudaGraphExec_t work_ = nullptr;
};

}  // namespace bam::cuda
