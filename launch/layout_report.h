#pragma once

#include <iosfwd>
#include <nlohmann/json.hpp>

#include "launch/plan_input.h"
#include "parallel/planner/cost/layouts.h"

namespace bam {

/// A layout and what is predicted of it:
///
///   {"data_parallel", "expert_parallel", "micro_steps", "recompute", "slices_per_peer", "fits",
///    "without_sequences": ranks that have none, "changes_balance_loss", "memory":
///    {"weights", "gradients", "optimizer", "activations", "exchange", "staging", "total"}, "step":
///    {"seconds", "forward", "backward", "optimizer", "exchange", "exposed", "hidden", "products",
///    "attention", "rows"}, "tokens_per_second", "share_of_peak", "bytes": {"node", "network"}}
///
/// Bytes and seconds; "bytes": what one rank sends in a step.
nlohmann::json layout_json(const PricedLayout& layout, const PlanInput& input);

/// One line a layout, and below it the first one's memory and time by part.
void print_layouts(const nlohmann::json& layouts, std::ostream& out);

/// Two layouts' figures side by side.
void print_comparison(const nlohmann::json& before, const nlohmann::json& after, std::ostream& out);

}  // namespace bam
