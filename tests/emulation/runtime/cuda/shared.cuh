#pragma once

// Stands in for runtime/cuda/shared.cuh.

#include "tests/emulation/emulator.h"

namespace bam::cuda {

inline std::byte* shared_memory() { return emulation::shared_bytes(); }

}  // namespace bam::cuda
