#pragma once

namespace bam::cuda {

/// 16 bytes of global memory on their way into shared memory, past the registers; where `is_there`
/// is false, zeros. Both addresses are multiples of 16.
__device__ inline void start_copy(void* to, const void* from, bool is_there) {
  const auto address = static_cast<unsigned>(__cvta_generic_to_shared(to));
  const int bytes = is_there ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
               :
               : "r"(address), "l"(from), "r"(bytes)
               : "memory");
}

/// Waits for what this thread has started; others see it after a barrier.
__device__ inline void wait_for_copies() { asm volatile("cp.async.wait_all;" : : : "memory"); }

}  // namespace bam::cuda
