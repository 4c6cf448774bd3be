#pragma once

#include <iosfwd>
#include <nlohmann/json.hpp>
#include <optional>

#include "launch/plan_input.h"
#include "parallel/planner/model_plan.h"

namespace bam {

/// What a plan means for a run on a cluster:
///
///   {"memory": bytes of the fullest rank, "fits", "before": `before`,
///    "step_before", "step_planned": seconds,
///    "replicas": {"bytes": {"node", "network"}, "seconds"},
///    "migration": {"replicas", "bytes", "seconds", "pays_after_steps": null where it never does}}
///
/// `before` names what the plan takes the place of: the current plan, or without one experts dealt
/// round-robin, which going over from is no migration; both against the plan's loads. "replicas":
/// what sums of the copies' gradients and their new weights send in a step, on the rank that sends
/// most, apart from step_planned. Throws BadInput where the plan's ranks do not divide the
/// cluster's.
nlohmann::json plan_costs(const ModelPlan& plan, const PlanInput& input,
                          const std::optional<ModelPlan>& current, const std::string& before);

void print_costs(const nlohmann::json& costs, std::ostream& out);

}  // namespace bam
