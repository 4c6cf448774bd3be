#pragma once

#include <iosfwd>
#include <nlohmann/json.hpp>

#include "parallel/planner/model_plan.h"

namespace bam {

/// A plan for people: a line a layer with the slowest rank, the bound, the gap between them and
/// what binds, beside experts dealt round-robin; then the plan as a whole, and the layers that
/// these would make faster.
void print_plan(const ModelPlan& plan, std::ostream& out);

/// The same, and where each expert is:
///
///   {"ranks", "slots", "nodes", "attention_experts", "ffn_experts", "mean_gap", "worst_gap",
///    "layers": [{"layer", "worst", "bound", "gap", "binds", "proof", "round_robin", "rank_loads",
///                "attention": [[{"rank", "share"}]], "ffn": [[{"rank", "share"}]]}]}
///
/// rank_loads: load over speed of each rank, averaged over the windows.
nlohmann::json plan_json(const ModelPlan& plan);

/// Load over speed of each rank, averaged over the windows. (ranks)
std::vector<double> mean_rank_loads(const LayerPlan& layer, const PlacementProblem& problem);

/// "proven", or "0.53 %".
std::string gap_text(double gap);

/// "mean load", "slots", ...: how a bound was come by.
std::string_view name_of(Proof proof);

}  // namespace bam
