#include "runtime/cuda/graph.h"

#include <algorithm>
#include <exception>

#include "runtime/cuda/check_cuda.h"
#include "runtime/cuda/device.h"
#include "runtime/cuda/queue.h"

namespace bam::cuda {

// While an exception is under way nobody waits, and what the graph reads may still be read.
Graph::~Graph() {
  if (std::uncaught_exceptions() > 0) {
    return;
  }
  for (const auto& [block, bytes] : kept_) {
    pinned_.give(block, bytes);
  }
  if (work_ != nullptr) {
    cudaGraphExecDestroy(work_);
  }
}

// Relaxed: memory may be asked for meanwhile.
void Graph::begin(cudaStream_t stream) {
  check_cuda(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed), "recording a graph");
}

void Graph::end(cudaStream_t stream) {
  cudaGraph_t recorded = nullptr;
  check_cuda(cudaStreamEndCapture(stream, &recorded), "recording a graph");
  // Transfers between ranks go first, as they do unrecorded.
  const cudaError_t code =
      cudaGraphInstantiate(&work_, recorded, cudaGraphInstantiateFlagUseNodePriority);
  cudaGraphDestroy(recorded);
  check_cuda(code, "making a graph ready");
}

void Graph::abandon(cudaStream_t stream) {
  cudaGraph_t recorded = nullptr;
  if (cudaStreamEndCapture(stream, &recorded) == cudaSuccess && recorded != nullptr) {
    cudaGraphDestroy(recorded);
  }
}

const std::byte* Graph::keep(std::span<const std::byte> bytes) {
  auto* block = static_cast<std::byte*>(pinned_.take(bytes.size()));
  kept_.emplace_back(block, bytes.size());
  std::ranges::copy(bytes, block);
  return block;
}

void Graph::launch(cudaStream_t stream) const {
  check_cuda(cudaGraphLaunch(work_, stream), "launching a graph");
}

std::shared_ptr<Graph> record(Stream& stream, const std::function<void()>& work) {
  Queue& queue = stream.queue();
  auto graph = std::make_shared<Graph>();
  graph->begin(queue.handle());
  queue.record(graph.get());
  try {
    work();
  } catch (...) {
    queue.record(nullptr);
    Graph::abandon(queue.handle());
    throw;
  }
  queue.record(nullptr);
  graph->end(queue.handle());
  return graph;
}

void replay(Stream& stream, const Graph& graph) { graph.launch(stream.queue().handle()); }

}  // namespace bam::cuda
