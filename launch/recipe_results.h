#pragma once

#include "io/results.h"
#include "launch/recipe.h"

namespace bam {

/// Tokens of a phase and of every phase it descends from, each once.
std::int64_t cumulative_tokens(const proto::Recipe& recipe, const proto::Phase& phase);

/// The results of a run whose phases are all trained and evaluated. Throws BadInput naming the file
/// that is missing or wrong.
Results results_of(const proto::Recipe& recipe, const RunFolder& folder);

}  // namespace bam
