#include "parallel/planner/bounds.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "parallel/planner/greedy_start.h"

namespace bam {
namespace {

constexpr double kRounding = 1e-12;
constexpr int kHalvings = 30;
/// Spare slots of which every use is gone through.
constexpr int kMostDivided = 2;

double sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

/// Time of the largest part, experts divided as finely as the slots allow.
double slots_time(const std::vector<double>& loads, const PlacementProblem& problem) {
  const std::vector<int> copies = greedy_copies(loads, problem.slots, problem.reach());
  double part = 0;
  for (std::size_t expert = 0; expert < loads.size(); ++expert) {
    part = std::max(part, loads[expert] / copies[expert]);
  }
  return part / problem.fastest();
}

/// Experts, each in as few parts as the time allows.
struct Crowd {
  struct Expert {
    double load;
    int parts;
    double part() const { return load / parts; }
  };
  std::vector<Expert> experts;   // the largest part first
  std::vector<double> smallest;  // smallest[m]: load of the m smallest parts
  int spare = 0;                 // slots that would be left
  int slots = 0;                 // of one rank
  int ranks = 0;
};

Crowd crowd_of(const PlacementProblem& problem, double time) {
  Crowd crowd;
  for (const double load : problem.mean_loads()) {
    const double parts = std::ceil(load / time * (1 - kRounding));
    crowd.experts.push_back({load, std::max(1, static_cast<int>(parts))});
  }
  std::stable_sort(crowd.experts.begin(), crowd.experts.end(),
                   [](const auto& a, const auto& b) { return a.part() > b.part(); });
  crowd.smallest.push_back(0);
  for (auto expert = crowd.experts.rbegin(); expert != crowd.experts.rend(); ++expert) {
    for (int part = 0; part < expert->parts; ++part) {
      crowd.smallest.push_back(crowd.smallest.back() + expert->part());
    }
  }
  crowd.spare = problem.slots - static_cast<int>(crowd.smallest.size()) + 1;
  crowd.slots = problem.ranks.front().slots;
  crowd.ranks = problem.rank_count();
  return crowd;
}

/// Experts each of whose replicas has a rank without another hot one.
struct Hot {
  int parts = 0;  // at least
  double load = 0;
};

/// Whether the hot experts do not fit on any number of ranks that they may take, `spare` slots
/// being left for more replicas.
bool do_not_fit(const Crowd& crowd, double time, const Hot& hot, int spare) {
  const int others = static_cast<int>(crowd.smallest.size()) - 1 - hot.parts;
  for (int taken = hot.parts; taken <= std::min(crowd.ranks, hot.parts + spare); ++taken) {
    const int joining = std::max(0, others - crowd.slots * (crowd.ranks - taken));
    if (hot.load + crowd.smallest[static_cast<std::size_t>(joining)] <=
        taken * time * (1 + kRounding)) {
      return false;
    }
  }
  return true;
}

/// The same whichever of the `divisible` ones, from the given one on, get a further slot each, and
/// so are no longer hot.
bool never_fit(const Crowd& crowd, double time, const Hot& hot, int spare,
               std::span<const Crowd::Expert> divisible) {
  if (!do_not_fit(crowd, time, hot, spare)) {
    return false;
  }
  for (std::size_t i = 0; i < divisible.size() && spare > 0; ++i) {
    const Hot fewer{hot.parts - divisible[i].parts, hot.load - divisible[i].load};
    if (!never_fit(crowd, time, fewer, spare - 1, divisible.subspan(i + 1))) {
      return false;
    }
  }
  return true;
}

}  // namespace

LowerBound lower_bound(const PlacementProblem& problem) {
  const std::vector<double> means = problem.mean_loads();
  LowerBound bound{sum(means) / problem.total_speed(), Proof::kMean};
  const auto offer = [&](double time, Proof proof) {
    if (time > bound.time * (1 + kRounding)) {
      bound = {time, proof};
    }
  };
  offer(slots_time(means, problem), Proof::kSlots);
  double total = 0;
  for (const auto& loads : problem.windows) {
    total += std::max(sum(loads) / problem.total_speed(), slots_time(loads, problem));
  }
  offer(total / problem.window_count(), Proof::kWindows);
  return bound;
}

bool is_too_crowded(const PlacementProblem& problem, double time) {
  time *= problem.ranks.front().speed;
  const Crowd crowd = crowd_of(problem, time);
  if (crowd.spare < 0) {
    return true;
  }
  Hot hot;
  std::vector<Crowd::Expert> divisible;
  for (const Crowd::Expert& expert : crowd.experts) {
    const bool is_divisible =
        expert.load / (expert.parts + crowd.spare) <= time / 2 * (1 + kRounding);
    if (expert.part() <= time / 2 * (1 + kRounding) ||
        (is_divisible && crowd.spare > kMostDivided)) {
      continue;
    }
    if (is_divisible) {
      divisible.push_back(expert);
    }
    hot = {hot.parts + expert.parts, hot.load + expert.load};
    if (never_fit(crowd, time, hot, crowd.spare, divisible)) {
      return true;
    }
  }
  return false;
}

double crowding_bound(const PlacementProblem& problem, double low, double high) {
  for (int halving = 0; halving < kHalvings && low < high; ++halving) {
    const double middle = (low + high) / 2;
    (is_too_crowded(problem, middle) ? low : high) = middle;
  }
  return low;
}

}  // namespace bam
