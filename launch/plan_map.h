#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "parallel/planner/model_plan.h"

namespace bam {

/// What a plan is compared with.
struct PlanBefore {
  std::string name;  // "round-robin", or the file of the current plan
  std::vector<LayerPlan> layers;
};

/// Writes a picture (SVG) of how busy each rank is in each layer: before and in the plan, both
/// against the plan's loads, on one scale from idle to the busiest rank. Throws BadInput where
/// there are more ranks than a picture shows, or the file cannot be written.
void write_load_map(const std::filesystem::path& path, const PlanBefore& before,
                    const ModelPlan& plan);

}  // namespace bam
