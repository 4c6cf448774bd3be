#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

/// All that the rest of runtime/ knows of CUDA. A build without it has `absent.cpp` in place of the
/// other files: there is an obstacle, and everything else throws it.
namespace bam {

struct Kernels;
class Stream;
enum class Urgency : std::uint8_t;

namespace cuda {

/// A CUDA stream with what its kernels share.
class Queue;
/// Work that was recorded on one.
class Graph;

/// Why this process cannot use a GPU; empty if it can.
std::string obstacle();

/// Why attention does without cuDNN (runtime/cuda/flash_attention.h); empty if it does not. And why
/// it did so on a stream, where it should not have had to.
std::string obstacle_to_cudnn();
std::string refusal_of_cudnn(Stream& stream);
/// See runtime/device.h; of a GPU's stream.
void set_deterministic(Stream& stream, bool is_deterministic);

/// GPUs that this process sees.
int device_count();
/// Has the calling thread compute on this one of them from now on.
void use_device(int index);
/// The PCI address of the one it computes on, as in "0000:1b:00.0".
std::string device_address();

/// Device memory, aligned to 256 bytes; null where there is no more.
void* allocate(std::size_t bytes);
void release(void* block);
/// Host memory that the GPU copies from and to by itself; null where there is no more.
void* allocate_pinned(std::size_t bytes);
void release_pinned(void* block);

std::shared_ptr<Queue> make_queue(Urgency urgency);
/// Waits until the stream's work is done; throws Error with what its kernels found wrong.
void synchronise(Stream& stream);
/// How often the host has waited for the queue.
std::int64_t waits(const Queue& queue);

/// In the stream's order. copy_to_host waits until `to` is written; `from` of copy_to_device may be
/// reused at once.
void copy_to_host(Stream& stream, const void* from, void* to, std::size_t bytes);
void copy_to_device(Stream& stream, const void* from, void* to, std::size_t bytes);

/// What `work` gives the stream, which does not do it. Throws Error where it waits.
std::shared_ptr<Graph> record(Stream& stream, const std::function<void()>& work);
/// Has it done, in the stream's order.
void replay(Stream& stream, const Graph& graph);

const Kernels& kernels();

}  // namespace cuda
}  // namespace bam
