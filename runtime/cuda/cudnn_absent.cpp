// Builds without cuDNN's header: attention has kernels of our own.
#include <limits>

#include "runtime/cuda/device.h"
#include "runtime/cuda/flash_attention.h"

namespace bam::cuda {

std::string obstacle_to_cudnn() { return "built without cuDNN's header"; }
std::string refusal_of_cudnn(Stream& /*stream*/) { return obstacle_to_cudnn(); }
void set_deterministic(Stream& /*stream*/, bool /*is_deterministic*/) {}

class FlashAttention::Session {};

FlashAttention::FlashAttention(std::int64_t workspace_bytes) : workspace_bytes_(workspace_bytes) {}
FlashAttention::~FlashAttention() = default;

bool FlashAttention::forward(Stream&, const AttentionShape&, const Tensor&, const Tensor&,
                             const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                             const Tensor&) {
  return false;
}

bool FlashAttention::backward(Stream&, const AttentionShape&, const Tensor&, const Tensor&,
                              const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                              const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                              const Tensor&) {
  return false;
}

std::int64_t FlashAttention::at_once(const AttentionShape&) {
  return std::numeric_limits<std::int64_t>::max();
}

}  // namespace bam::cuda
