#pragma once

#include "tests/bench/gpu_table.h"

namespace bam {

/// Routing of 8192 tokens to 2 of 4 experts, and their rows' way there and back. What routers work
/// on is so small that a GPU needs longer to start on it than to read it: the share tells of that.
void routing_lines(GpuTable& table);

}  // namespace bam
