#pragma once

#include "runtime/tensor.h"

namespace bam {

/// The machine's matrix ceiling: floating-point operations a second of the best of a fixed list of
/// products of this dtype, on the threads this process has. kThorough includes 2048^3 and repeats.
enum class CeilingEffort { kQuick, kThorough };
double measure_ceiling(Stream& stream, DType dtype, CeilingEffort effort);

}  // namespace bam
