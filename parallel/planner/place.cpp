#include "parallel/planner/place.h"

#include <algorithm>

#include "parallel/planner/migration.h"
#include "parallel/planner/node_limit.h"
#include "parallel/planner/place_flat.h"
#include "runtime/check.h"

namespace bam {
namespace {

constexpr int kMostScaledWindows = 8;

Draft draft_of(const LayerPlan& plan, const PlacementProblem& problem) {
  check_input(static_cast<int>(plan.experts.size()) == problem.experts(), "the current plan has ",
              plan.experts.size(), " experts where the loads have ", problem.experts());
  Draft draft(problem);
  for (int expert = 0; expert < problem.experts(); ++expert) {
    const auto& replicas = plan.experts[static_cast<std::size_t>(expert)];
    check_input(!replicas.empty(), "the current plan has no replica of expert ", expert);
    for (const Replica& replica : replicas) {
      check_input(replica.rank >= 0 && replica.rank < problem.rank_count() &&
                      !draft.holds(replica.rank, expert) && draft.free_slots(replica.rank) > 0 &&
                      draft.spare_slots() > 0,
                  "the current plan's replica of expert ", expert, " on rank ", replica.rank,
                  " does not fit the ranks' slots");
      draft.add(expert, replica.rank);
    }
  }
  draft.refresh();
  return draft;
}

}  // namespace

LayerPlan place(const PlacementProblem& problem, const PlaceEffort& effort) {
  validate(problem);
  PlaceEffort scaled = effort;
  scaled.search_steps *= std::min(problem.window_count(), kMostScaledWindows);
  return problem.is_node_limited() ? place_on_nodes(problem, scaled) : place_flat(problem, scaled);
}

LayerPlan place_from(const LayerPlan& current, const PlacementProblem& problem, int moves) {
  validate(problem);
  Draft draft = draft_of(current, problem);
  if (problem.is_node_limited()) {
    draft.keep_on_nodes();
  }
  return certified(plan_of(migrated(draft, moves)), problem, lower_bound(problem));
}

}  // namespace bam
