#pragma once

#include "parallel/planner/cost/traffic.h"

namespace bam {

/// What replicas within an expert-parallel group add to a step: sums of the copies' gradients, and
/// their new weights; of the rank that sends most.
Traffic replica_traffic(const RunShape& run, const ModelSizes& sizes, const Cluster& cluster,
                        const ModelPlan& plan);

/// Going over from one plan to another: every copy that is new on its rank is sent there, weights
/// and optimiser state.
struct MigrationCost {
  int replicas = 0;
  double bytes = 0;    // all together
  double seconds = 0;  // until the rank that sends or receives most is done
};
MigrationCost migration_cost(const RunShape& run, const ModelSizes& sizes, const Cluster& cluster,
                             const ModelPlan& before, const ModelPlan& after);

}  // namespace bam
