#pragma once

#include "tests/bench/gpu_table.h"

namespace bam {

/// Products, attention and the kernels between them, at the sizes of the paper's 2B model.
void kernel_lines(GpuTable& table);

}  // namespace bam
