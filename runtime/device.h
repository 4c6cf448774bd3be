#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace bam {

/// Where elements lie and kernels run.
enum class DeviceKind : std::uint8_t { kCpu, kCuda };

/// "cpu", "cuda".
std::string_view name_of(DeviceKind kind);

/// Why this process cannot compute there, as in "built without CUDA"; empty if it can.
std::string obstacle_to(DeviceKind kind);

}  // namespace bam
