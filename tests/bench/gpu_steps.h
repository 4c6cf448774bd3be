#pragma once

#include <string>

#include "tests/bench/gpu_table.h"

namespace bam {

/// Training steps of the paper's shapes on one GPU, without the optimiser: 4 sequences of 2048
/// tokens each. First piece by piece as they come; then as CUDA graphs.
void step_lines(GpuTable& table);

/// Two of these steps of the model of that name ("2B BAM"), but of three layers, as all are alike;
/// piece by piece, and the second has everything loaded. Throws Error where no model has it.
void profile_steps(GpuTable& table, const std::string& name);

}  // namespace bam
