#pragma once

#include "tests/bench/gpu_table.h"

namespace bam {

/// Training steps of the paper's shapes on one GPU, without the optimiser: 4 sequences of 2048
/// tokens each. First piece by piece as they come; then as CUDA graphs.
void step_lines(GpuTable& table);

}  // namespace bam
