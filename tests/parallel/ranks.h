#pragma once

#include "parallel/layout.h"

namespace bam::testing {

/// All ranks of the test's job.
Communicator& world();
/// This rank by itself.
Communicator& alone();

/// Of world() or alone(), made when it is first asked for, which is collective: to open and close
/// communicators takes NCCL longer than a small test.
Layout& layout_of(Communicator& ranks, int expert_parallel);

}  // namespace bam::testing
