#pragma once

#include "parallel/planner/draft.h"

namespace bam {

/// The start, changed for the better by sending at most `moves` replicas to ranks where it has none
/// of their expert. Tries to bring all ranks below a time, with the steps that take away most of
/// what ranks are above it per replica sent, for the least such time that works out.
Draft migrated(const Draft& start, int moves);

}  // namespace bam
