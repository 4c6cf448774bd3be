#pragma once

#include <filesystem>
#include <vector>

#include "parallel/planner/model_plan.h"

namespace bam {

/// Writes a picture (SVG) of how busy each rank is in each layer: `before` and in the plan, both
/// against the plan's loads, on one scale from idle to the busiest rank. Throws BadInput where
/// there are more ranks than a picture shows, or the file cannot be written.
void write_load_map(const std::filesystem::path& path, const std::vector<LayerPlan>& before,
                    const ModelPlan& plan);

}  // namespace bam
