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

/// Groups that are on one node each, as the problem asks for.
void check_groups(const LayerPlan& plan, const PlacementProblem& problem) {
  for (int expert = 0; expert < problem.experts(); ++expert) {
    const int first = expert / problem.group * problem.group;
    const int node = plan.experts[static_cast<std::size_t>(first)].front().rank / problem.reach();
    for (const Replica& replica : plan.experts[static_cast<std::size_t>(expert)]) {
      check_input(replica.rank / problem.reach() == node, "the current plan has experts ", first,
                  " to ", first + problem.group - 1, " on more than one node");
    }
  }
}

/// The current placement as steps can go on from it.
Draft start_of(const LayerPlan& current, const PlacementProblem& problem) {
  Draft draft = draft_of(current, problem);
  if (problem.is_node_limited()) {
    check_groups(current, problem);
    draft.keep_on_nodes();
  }
  return draft;
}

bool is_best(const Certificate& certificate) {
  return certificate.worst <= certificate.bound * (1 + kSame);
}

/// Whether any number of moves, one after the other, leads to a faster slowest rank.
bool leads_on(const LayerPlan& current, const PlacementProblem& problem, double worst) {
  return migrated(start_of(current, problem), problem.slots).cost() < worst * (1 - kSame);
}

}  // namespace

LayerPlan place(const PlacementProblem& problem, const PlaceEffort& effort) {
  validate(problem);
  PlaceEffort scaled = effort;
  scaled.search_steps *= std::min(problem.window_count(), kMostScaledWindows);
  return problem.is_node_limited() ? place_on_nodes(problem, scaled) : place_flat(problem, scaled);
}

LayerPlan moved_from(const LayerPlan& current, const PlacementProblem& problem, int moves) {
  validate(problem);
  const Draft start = start_of(current, problem);
  LayerPlan moved = plan_of(migrated(start, moves));
  const bool may_stay = problem.shares == SharePolicy::kFree || has_equal_shares(current);
  if (may_stay && worst_time(current, problem) <= worst_time(moved, problem)) {
    moved.experts = current.experts;
  }
  return certified(std::move(moved), problem);
}

bool is_faster_with_more_moves(const LayerPlan& current, const PlacementProblem& problem,
                               double worst) {
  const PlaceEffort little{.search_steps = 100'000, .proof_steps = 0};
  return leads_on(current, problem, worst) ||
         place(problem, little).certificate.worst < worst * (1 - kSame);
}

LayerPlan place_from(const LayerPlan& current, const PlacementProblem& problem, int moves,
                     const PlaceEffort& effort) {
  LayerPlan plan = moved_from(current, problem, moves);
  if (is_best(plan.certificate)) {
    return plan;
  }
  const double worst = plan.certificate.worst;
  const Certificate anew = place(problem, effort).certificate;
  plan.certificate = {worst, std::min(anew.bound, worst), anew.proof, anew.binding};
  if (anew.worst < worst * (1 - kSame) || leads_on(current, problem, worst)) {
    plan.certificate.binding = Binding::kMoves;
  }
  return plan;
}

LayerPlan certified(LayerPlan plan, const PlacementProblem& problem) {
  return certified(std::move(plan), problem, lower_bound(problem));
}

}  // namespace bam
