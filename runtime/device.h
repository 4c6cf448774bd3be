#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace bam {

class Stream;

/// Where elements lie and kernels run.
enum class DeviceKind : std::uint8_t { kCpu, kCuda };

/// "cpu", "cuda".
std::string_view name_of(DeviceKind kind);

/// Why this process cannot compute there, as in "built without CUDA"; empty if it can.
std::string obstacle_to(DeviceKind kind);

/// Why attention on this process's GPU does without cuDNN; empty where cuDNN computes what it can.
std::string obstacle_to_cudnn();
/// Why it did not compute on a GPU's stream what it should have; empty: nothing was left to others.
std::string refusal_of_cudnn(Stream& stream);
/// Whether all that is computed on the stream from now on has the same bits every time, as at
/// first. If not, cuDNN may add attention's gradients up in any order, for speed; on a CPU nothing
/// changes.
void set_deterministic(Stream& stream, bool is_deterministic);

/// GPUs that this process sees.
int gpu_count();
/// Has the calling thread compute on this one of them from now on.
void use_gpu(int index);
/// Tells the GPU that it computes on from the machine's others: its PCI address.
std::string gpu_address();

}  // namespace bam
