#include "parallel/planner/place.h"

#include <algorithm>

#include "parallel/planner/migration.h"
#include "parallel/planner/node_limit.h"
#include "parallel/planner/place_flat.h"
#include "runtime/check.h"

namespace bam {
namespace {

constexpr int kMostScaledWindows = 8;
/// Two times are the same to within this part.
constexpr double kSame = 1e-9;

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

bool is_faster_with_more_moves(const Draft& current, const PlacementProblem& problem,
                               double worst) {
  const double least = worst * (1 - kSame);
  const PlaceEffort little{.search_steps = 100'000, .proof_steps = 0};
  return migrated(current, problem.slots).cost() < least ||
         place(problem, little).certificate.worst < least;
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
  const Draft moved = migrated(draft, moves);
  LayerPlan plan = certified(plan_of(moved), problem);
  const bool is_best = plan.certificate.worst <= plan.certificate.bound * (1 + kSame);
  if (!is_best && is_faster_with_more_moves(draft, problem, plan.certificate.worst)) {
    plan.certificate.binding = Binding::kMoves;
  }
  return plan;
}

LayerPlan certified(LayerPlan plan, const PlacementProblem& problem) {
  return certified(std::move(plan), problem, lower_bound(problem));
}

}  // namespace bam
