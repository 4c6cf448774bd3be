#pragma once

#include <span>
#include <string>

#include "parallel/planner/cost/cluster.h"
#include "parallel/planner/cost/run_shape.h"

namespace bam {

/// What costs are predicted for.
struct PlanInput {
  RunShape run;
  Cluster cluster;
  RunLayout layout;  // as the config has it, on all of the cluster's ranks
};

/// Reads a run config (or a model config, with `training` and `data` set) and a cluster: one that
/// comes with the program, by name, or a file. Assignments go to the config, those of `cluster.` to
/// the cluster. Throws BadInput, naming file, field and value.
PlanInput read_plan_input(const std::string& config, const std::string& cluster,
                          std::span<const std::string> assignments);

}  // namespace bam
