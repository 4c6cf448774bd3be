#pragma once

#include <functional>
#include <string>
#include <vector>

#include "parallel/planner/cost/memory_model.h"
#include "parallel/planner/cost/step_model.h"

namespace bam {

/// A layout with what is predicted of it.
struct PricedLayout {
  RunLayout layout;
  MemoryPrediction memory;  // of the fullest rank
  StepPrediction step;
  bool fits = false;
};

/// Every layout of the cluster's ranks that training can run: expert-parallel sizes that divide the
/// ranks and do not cut nodes unevenly, up to one rank an expert; micro-steps that divide the
/// sequences and leave each rank some, or one where there are fewer sequences than ranks;
/// recomputation; slices of the attention exchange.
std::vector<RunLayout> possible_layouts(const RunShape& run, const Cluster& cluster);

/// What the ranks of an expert-parallel group of this size hold; see LayerHoldings.
using HoldingsOf = std::function<std::vector<LayerHoldings>(int expert_parallel)>;

/// With the experts where `layers` has them.
PricedLayout priced(const RunShape& run, const ModelSizes& sizes, const RunLayout& layout,
                    const Cluster& cluster, const std::vector<LayerHoldings>& layers);

/// All possible layouts: those that fit first, the fastest first; then those that do not, the
/// smallest first. Of layouts alike in both, that with fewer micro-steps comes first. `holdings` is
/// asked once for each size of group.
std::vector<PricedLayout> ranked_layouts(const RunShape& run, const Cluster& cluster,
                                         const HoldingsOf& holdings);
/// Experts dealt round-robin, equally loaded.
std::vector<PricedLayout> ranked_layouts(const RunShape& run, const Cluster& cluster);

/// Whether the balancing loss differs slightly between two layouts: it is taken over a micro-step's
/// tokens and averaged, so it depends on how many micro-steps there are.
bool changes_balance_loss(const RunShape& run, std::int64_t micro_steps, std::int64_t other);

}  // namespace bam
