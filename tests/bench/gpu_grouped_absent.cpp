// Stands in for gpu_grouped.cpp in a build without CUDA.
#include "tests/bench/gpu_grouped.h"

namespace bam {

bool multiply_together(Stream& /*stream*/, std::span<const Product> /*products*/) { return false; }

}  // namespace bam
