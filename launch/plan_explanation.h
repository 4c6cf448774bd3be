#pragma once

#include <cstddef>
#include <iosfwd>
#include <nlohmann/json.hpp>

#include "parallel/planner/model_plan.h"

namespace bam {

/// What each rank holds of a layer, and what keeps the slowest from being faster:
///
///   {"layer", "windows", "worst", "bound", "gap", "binds", "proof", "because",
///    "faster_round_robin": null or {"worst", "is_allowed"},
///    "ranks": [{"rank", "load", "of_slowest", "slowest_in", "experts"}]}
///
/// worst: of each window the slowest rank, averaged over the windows, as certified; a rank's load:
/// its load over speed, averaged likewise, so that no rank need be at `worst`; of_slowest: its part
/// of that; slowest_in: so many windows. faster_round_robin: where experts dealt in turn would be
/// faster.
nlohmann::json plan_explanation(const ModelPlan& plan, std::size_t layer);

/// The same for people.
void print_explanation(const nlohmann::json& layer, std::ostream& out);

}  // namespace bam
