#include "parallel/planner/place_flat.h"

#include <algorithm>

#include "parallel/planner/chains.h"
#include "parallel/planner/exact_search.h"
#include "parallel/planner/free_shares.h"
#include "parallel/planner/local_search.h"

namespace bam {
namespace {

/// Two times are the same to within this part.
constexpr double kSame = 1e-9;
/// A small problem that is not proven is searched for so much longer, and more closely.
constexpr int kSmallSteps = 16;
constexpr double kSmallGap = 1e-6;

void raise(LowerBound& bound, double time, Proof proof) {
  if (time > bound.time * (1 + kSame)) {
    bound = {time, proof};
  }
}

/// One window in place of several: no placement serves their average more slowly than each of them.
PlacementProblem averaged(const PlacementProblem& problem) {
  PlacementProblem average = problem;
  average.windows = {problem.mean_loads()};
  return average;
}

LayerPlan place_equal(const PlacementProblem& problem, const PlaceEffort& effort,
                      LowerBound bound) {
  SearchLimits limits{bound.time * (1 + effort.gap), effort.search_steps, effort.seed};
  const bool is_searched = is_small(problem) && effort.proof_steps > 0;
  if (is_searched && is_provable(problem)) {
    limits = {bound.time * (1 + kSame), effort.search_steps / 8, effort.seed};
  }
  Draft draft = searched(problem, bound.time, limits);
  if (draft.cost() > bound.time * (1 + kSame) && is_searched) {
    const Bounded best = closed({draft, bound.time}, effort.proof_steps);
    draft = best.draft;
    raise(bound, best.bound, Proof::kSearch);
    if (draft.cost() > bound.time * (1 + kSame) && problem.window_count() > 1) {
      PlaceEffort less = effort;
      less.proof_steps /= 4;
      raise(bound, place_flat(averaged(problem), less).certificate.bound, Proof::kMeanSearch);
    }
  }
  if (draft.cost() > bound.time * (1 + kSmallGap) && is_searched && !is_provable(problem)) {
    const Draft longer =
        searched(problem, bound.time,
                 {bound.time * (1 + kSmallGap),
                  effort.search_steps * kSmallSteps / problem.window_count(), effort.seed});
    draft = longer.cost() < draft.cost() ? longer : draft;
  }
  if (draft.cost() > bound.time * (1 + kSame) && problem.has_equal_ranks()) {
    raise(bound, crowding_bound(problem, bound.time, draft.cost()), Proof::kCrowding);
  }
  return certified(plan_of(draft), problem, bound);
}

LayerPlan place_free(const PlacementProblem& problem, const PlaceEffort& effort, LowerBound bound) {
  const SearchLimits limits{bound.time * (1 + effort.gap), effort.search_steps, effort.seed};
  LayerPlan plan = plan_of(searched(problem, bound.time, limits));
  if (auto chains = chained(problem, bound.time, effort.search_steps)) {
    raise(bound, chains->bound, problem.window_count() > 1 ? Proof::kMeanSearch : Proof::kSearch);
    if (worst_time(chains->plan, problem) < worst_time(plan, problem)) {
      plan = std::move(chains->plan);
    }
  }
  if (problem.window_count() > 1) {
    // Shares that are best for the windows' mean may be worse for each of them than equal ones.
    PlacementProblem equal = problem;
    equal.shares = SharePolicy::kEqual;
    LayerPlan other = place_flat(equal, effort);
    if (worst_time(other, problem) < worst_time(plan, problem)) {
      plan = std::move(other);
    }
  }
  return certified(std::move(plan), problem, bound);
}

}  // namespace

LayerPlan certified(LayerPlan plan, const PlacementProblem& problem, const LowerBound& bound) {
  Certificate& certificate = plan.certificate;
  certificate.worst = worst_time(plan, problem);
  certificate.bound = std::min(bound.time, certificate.worst);  // they differ by rounding at most
  certificate.proof = bound.proof;
  certificate.binding = binding_of(bound.proof, problem, bound.time);
  return plan;
}

LayerPlan plan_of(const Draft& draft) {
  const PlacementProblem& problem = draft.problem();
  LayerPlan plan;
  for (int expert = 0; expert < problem.experts(); ++expert) {
    auto& replicas = plan.experts.emplace_back();
    for (const int rank : draft.ranks_of(expert)) {
      replicas.push_back({rank, 1.0 / draft.copies(expert)});
    }
    std::sort(replicas.begin(), replicas.end(),
              [](const Replica& a, const Replica& b) { return a.rank < b.rank; });
  }
  return problem.shares == SharePolicy::kFree ? with_best_shares(plan, problem) : plan;
}

Binding binding_of(Proof proof, const PlacementProblem& problem, double bound) {
  if (proof == Proof::kMean) {
    return Binding::kMean;
  }
  if (proof == Proof::kNodes) {
    return Binding::kNodeLimit;
  }
  const std::vector<double> loads = problem.mean_loads();
  const int most = std::min(problem.reach(), problem.slots - problem.experts() + 1);
  const double part = *std::max_element(loads.begin(), loads.end()) / most / problem.fastest();
  return part >= bound * (1 - kSame) ? Binding::kHottest : Binding::kMemory;
}

LayerPlan place_flat(const PlacementProblem& problem, const PlaceEffort& effort) {
  const LowerBound bound = lower_bound(problem);
  return problem.shares == SharePolicy::kFree ? place_free(problem, effort, bound)
                                              : place_equal(problem, effort, bound);
}

}  // namespace bam
