#pragma once

#include "parallel/communicator.h"

namespace bam::testing {

/// All ranks of the test's job.
Communicator& world();

}  // namespace bam::testing
