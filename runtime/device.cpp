#include "runtime/device.h"

#include "runtime/cuda/device.h"

namespace bam {

std::string_view name_of(DeviceKind kind) { return kind == DeviceKind::kCuda ? "cuda" : "cpu"; }

std::string obstacle_to(DeviceKind kind) {
  return kind == DeviceKind::kCuda ? cuda::obstacle() : std::string();
}

}  // namespace bam
