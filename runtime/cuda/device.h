#pragma once

#include <cstddef>
#include <memory>
#include <string>

/// All that the rest of runtime/ knows of CUDA. A build without it has `absent.cpp` in place of the
/// other files: there is an obstacle, and everything else throws it.
namespace bam {

struct Kernels;
class Stream;

namespace cuda {

/// A CUDA stream with what its kernels share.
class Queue;

/// Why this process cannot use a GPU; empty if it can.
std::string obstacle();

/// Device memory, aligned to 256 bytes; null where there is no more.
void* allocate(std::size_t bytes);
void release(void* block);

std::shared_ptr<Queue> make_queue();
/// Waits until the stream's work is done; throws Error with what its kernels found wrong.
void synchronise(Stream& stream);

/// In the stream's order. copy_to_host waits until `to` is written; `from` of copy_to_device may be
/// reused at once.
void copy_to_host(Stream& stream, const void* from, void* to, std::size_t bytes);
void copy_to_device(Stream& stream, const void* from, void* to, std::size_t bytes);

const Kernels& kernels();

}  // namespace cuda
}  // namespace bam
