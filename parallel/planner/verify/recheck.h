#pragma once

#include <cstdint>

#include "parallel/planner/plan.h"

namespace bam {

enum class Recheck { kImpossible, kPossible, kTooLong };

/// Whether the proof shows that no placement's slowest rank takes `time` or less (averaged over the
/// windows). kPossible: it does not.
Recheck recheck(const PlacementProblem& problem, Proof proof, double time, std::int64_t steps);

}  // namespace bam
