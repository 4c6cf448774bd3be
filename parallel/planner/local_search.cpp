#include "parallel/planner/local_search.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "parallel/planner/greedy_start.h"
#include "runtime/random.h"

namespace bam {
namespace {

/// Steps that would change less than this part of a rank's unevenness are rounding.
constexpr double kLeastGain = 1e-9;
/// Starts in which experts are cut into parts of at most this part of the bound.
constexpr std::array kPartSizes = {1.03, 1.01, 1.003, 1.0, 0.95, 0.92, 0.9,
                                   0.88, 0.85, 0.8,   0.7, 0.6,  0.5};
/// Of those the most even are gone on from.
constexpr std::size_t kStarts = 3;
/// Exchanges of a disturbance.
constexpr int kExchanges = 3;
/// One in so many of them changes how many replicas experts have.
constexpr int kReplacesOneIn = 3;

/// Numbers drawn one after the other.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed, "planner") {}
  int below(int count) {
    return static_cast<int>(random_.word64(next_++) % static_cast<std::uint64_t>(count));
  }
  int one_of(std::span<const int> values) {
    return values[static_cast<std::size_t>(below(static_cast<int>(values.size())))];
  }

 private:
  Random random_;
  std::uint64_t next_ = 0;
};

class LocalSearch {
 public:
  LocalSearch(const PlacementProblem& problem, const SearchLimits& limits)
      : finder_(problem), limits_(limits), dice_(limits.seed) {}

  void settle(Draft& draft, std::int64_t steps) {
    const std::int64_t end = std::min(limits_.steps, finder_.looked_at() + steps);
    while (draft.cost() > limits_.target && finder_.looked_at() < end && take_step(draft)) {
    }
    draft.refresh();
  }

  bool take_step(Draft& draft) {
    const Slowest at = finder_.trial().slowest(draft);
    const Step step = finder_.best(draft, at.rank, at.window);
    if (step.gain <= kLeastGain * finder_.trial().unevenness(draft, at.rank)) {
      return false;
    }
    apply(step, draft);
    return true;
  }

  /// Disturbs the placement and settles again, until the limits; keeps what is not worse.
  Draft wander(const Draft& start) {
    Draft best = start;
    Draft current = start;
    while (best.cost() > limits_.target && finder_.looked_at() + tries_ < limits_.steps) {
      ++tries_;
      Draft next = current;
      disturb(next);
      settle(next, limits_.steps);
      if (next.cost() <= current.cost()) {
        current = next;
      }
      if (next.cost() < best.cost()) {
        best = next;
      }
    }
    return best;
  }

 private:
  void disturb(Draft& draft) {
    int rank = finder_.trial().slowest(draft).rank;
    for (int exchange = 0; exchange < kExchanges; ++exchange) {
      if (dice_.below(kReplacesOneIn) == 0) {
        replace_any(draft, rank);
      } else {
        swap_any(draft, rank, dice_.below(draft.problem().rank_count()));
      }
      rank = dice_.below(draft.problem().rank_count());
    }
  }

  /// Gives a replica's slot to any other expert.
  void replace_any(Draft& draft, int rank) {
    if (draft.experts_on(rank).empty()) {
      return;
    }
    const int expert = dice_.one_of(draft.experts_on(rank));
    const int other = dice_.below(draft.problem().experts());
    if (draft.copies(expert) > 1 && draft.may_take(rank, other)) {
      apply({Step::Kind::kReplace, rank, rank, other, expert}, draft);
    }
  }

  void swap_any(Draft& draft, int rank, int partner) {
    if (rank == partner || draft.experts_on(rank).empty() || draft.experts_on(partner).empty()) {
      return;
    }
    const int expert = dice_.one_of(draft.experts_on(rank));
    const int other = dice_.one_of(draft.experts_on(partner));
    if (draft.may_take(partner, expert) && draft.may_take(rank, other)) {
      apply({Step::Kind::kSwap, rank, partner, expert, other}, draft);
    }
  }

  StepFinder finder_;
  SearchLimits limits_;
  Dice dice_;
  std::int64_t tries_ = 0;
};

/// Replicas that bring every expert's part to at most `part`, as far as slots allow.
std::vector<int> lean_copies(const PlacementProblem& problem, double part) {
  const std::vector<double> loads = problem.mean_loads();
  std::vector<int> copies = greedy_copies(loads, problem.slots, problem.rank_count());
  for (std::size_t expert = 0; expert < copies.size(); ++expert) {
    const double needed = std::ceil(loads[expert] / part);
    copies[expert] = static_cast<int>(std::clamp(needed, 1.0, static_cast<double>(copies[expert])));
  }
  return copies;
}

/// Gives the slots left to experts whose parts stay large even so: that makes room on most ranks.
std::vector<int> with_all_slots(std::vector<int> copies, const PlacementProblem& problem) {
  const std::vector<double> loads = problem.mean_loads();
  for (int left = problem.slots - std::accumulate(copies.begin(), copies.end(), 0); left > 0;
       --left) {
    std::size_t best = copies.size();
    for (std::size_t expert = 0; expert < copies.size(); ++expert) {
      if (copies[expert] < problem.rank_count() &&
          (best == copies.size() ||
           loads[expert] * (copies[best] + 1) > loads[best] * (copies[expert] + 1))) {
        best = expert;
      }
    }
    if (best == copies.size()) {
      break;
    }
    ++copies[best];
  }
  return copies;
}

/// The most even of the placements that divide experts into parts of different sizes.
std::vector<Draft> lean_starts(const PlacementProblem& problem, double bound) {
  std::vector<Draft> starts;
  for (const double size : kPartSizes) {
    const std::vector<int> copies = lean_copies(problem, size * bound);
    starts.push_back(packed(problem, copies));
    starts.push_back(packed(problem, with_all_slots(copies, problem)));
  }
  std::stable_sort(starts.begin(), starts.end(),
                   [](const Draft& a, const Draft& b) { return a.cost() < b.cost(); });
  starts.resize(kStarts, Draft(problem));
  return starts;
}

}  // namespace

Draft searched(const PlacementProblem& problem, double bound, const SearchLimits& limits) {
  LocalSearch search(problem, limits);
  Draft best =
      packed(problem, greedy_copies(problem.mean_loads(), problem.slots, problem.rank_count()));
  const auto go_on_from = [&](Draft start, std::int64_t steps) {
    search.settle(start, steps);
    if (start.cost() < best.cost()) {
      best = std::move(start);
    }
  };
  go_on_from(best, limits.steps / 4);
  if (best.cost() <= limits.target) {
    return best;
  }
  for (Draft& start : lean_starts(problem, bound)) {
    go_on_from(std::move(start), limits.steps / 8);
  }
  return search.wander(best);
}

}  // namespace bam
