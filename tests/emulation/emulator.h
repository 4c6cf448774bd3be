#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>

/// Runs CUDA kernels that were compiled as host C++: a block's threads are fibers of the calling
/// thread, taken up in an ever new order, so that a barrier left out shows in the results. It
/// models what a kernel computes, not what it costs, and no memory that is weaker than the host's.
namespace bam::emulation {

inline constexpr int kWarpSize = 32;
inline constexpr std::size_t kMostThreads = 1024;
inline constexpr std::size_t kMostSharedBytes = 227 * 1024;

struct Size {
  unsigned x = 1;
  unsigned y = 1;
  unsigned z = 1;

  std::size_t count() const { return std::size_t{x} * y * z; }
};

/// Runs `kernel` once for every thread of every block. Throws std::runtime_error where the launch
/// is not one a GPU takes, or where threads wait for each other at different places.
void run(Size grid, Size block, std::size_t shared_bytes, const std::function<void()>& kernel);

/// Of the thread that runs; as CUDA names them.
inline thread_local Size threadIdx, blockIdx, blockDim, gridDim;
/// Its block's dynamic shared memory, all ones when a block begins.
std::byte* shared_bytes();

/// Throws std::runtime_error where the address is no multiple of `bytes`: a GPU stops for good.
void check_aligned(const void* address, std::size_t bytes);

/// Waits for all threads of the block that still run.
void wait_for_block();
/// Waits for all threads of the warp that still run.
void wait_for_warp();
/// What each lane of the warp gave; all threads of the warp take part.
std::array<std::uint64_t, kWarpSize> exchange(std::uint64_t word);

}  // namespace bam::emulation
