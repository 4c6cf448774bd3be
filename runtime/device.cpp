#include "runtime/device.h"

#include "runtime/cuda/device.h"
#include "runtime/stream.h"

namespace bam {

std::string_view name_of(DeviceKind kind) { return kind == DeviceKind::kCuda ? "cuda" : "cpu"; }

std::string obstacle_to(DeviceKind kind) {
  return kind == DeviceKind::kCuda ? cuda::obstacle() : std::string();
}

std::string obstacle_to_cudnn() { return cuda::obstacle_to_cudnn(); }

std::string refusal_of_cudnn(Stream& stream) { return cuda::refusal_of_cudnn(stream); }

void set_deterministic(Stream& stream, bool is_deterministic) {
  if (stream.device() == DeviceKind::kCuda) {
    cuda::set_deterministic(stream, is_deterministic);
  }
}

int gpu_count() { return cuda::device_count(); }

void use_gpu(int index) { cuda::use_device(index); }

std::string gpu_address() { return cuda::device_address(); }

}  // namespace bam
