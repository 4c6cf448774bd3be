#pragma once

#include <optional>
#include <vector>

#include "launch/place_request.h"
#include "parallel/planner/model_plan.h"

namespace bam {

/// What a plan for these loads is asked for: what the options say; what they leave out is as in the
/// current plan, or, where there is none, one slot for each expert on equal ranks of one node.
/// Costs are the current plan's. Throws BadInput, naming the option, for what nothing can be placed
/// under, or the current plan does not fit.
PlanTerms place_terms(const PlaceRequest& request, const std::optional<ModelPlan>& current,
                      const std::vector<LayerLoads>& loads);

}  // namespace bam
