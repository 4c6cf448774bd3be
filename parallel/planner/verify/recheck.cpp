#include "parallel/planner/verify/recheck.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "parallel/planner/verify/exhaustive.h"

namespace bam {
namespace {

using Loads = std::vector<double>;

double sum(const Loads& loads) { return std::accumulate(loads.begin(), loads.end(), 0.0); }

Loads mean_of(const std::vector<Loads>& windows) {
  Loads mean(windows.front().size());
  for (const Loads& loads : windows) {
    std::transform(mean.begin(), mean.end(), loads.begin(), mean.begin(), std::plus<>());
  }
  for (double& load : mean) {
    load /= static_cast<double>(windows.size());
  }
  return mean;
}

/// One window in place of several: no placement serves their average more slowly than each of them.
PlacementProblem averaged(const PlacementProblem& problem) {
  PlacementProblem average = problem;
  average.windows = {mean_of(problem.windows)};
  return average;
}

double speed_of(const PlacementProblem& problem) {
  double speed = 0;
  for (const RankRoom& rank : problem.ranks) {
    speed += rank.speed;
  }
  return speed;
}

double top_speed(const PlacementProblem& problem) {
  double speed = 0;
  for (const RankRoom& rank : problem.ranks) {
    speed = std::max(speed, rank.speed);
  }
  return speed;
}

int most_copies(const PlacementProblem& problem) {
  const int ranks = static_cast<int>(problem.ranks.size());
  return problem.group > 0 && problem.nodes > 1 ? ranks / problem.nodes : ranks;
}

/// Parts an expert must be cut into for each to take the fastest rank at most `time`.
double parts_needed(double load, double time, const PlacementProblem& problem) {
  return std::max(1.0, std::ceil(load / (time * top_speed(problem)) * (1 - 1e-14)));
}

bool exceeds_mean(const Loads& loads, const PlacementProblem& problem, double time) {
  return sum(loads) > time * speed_of(problem);
}

bool exceeds_slots(const Loads& loads, const PlacementProblem& problem, double time) {
  double needed = 0;
  for (const double load : loads) {
    const double parts = parts_needed(load, time, problem);
    if (parts > most_copies(problem)) {
      return true;
    }
    needed += parts;
  }
  return needed > problem.slots;
}

/// Smallest time, to within rounding from below, that neither mean nor slots rule out.
double least_time(const Loads& loads, const PlacementProblem& problem) {
  double low = 0;
  double high = sum(loads) / top_speed(problem) + 1;
  for (int halving = 0; halving < 200; ++halving) {
    const double middle = (low + high) / 2;
    const bool is_ruled_out =
        exceeds_mean(loads, problem, middle) || exceeds_slots(loads, problem, middle);
    (is_ruled_out ? low : high) = middle;
  }
  return low;
}

double windows_time(const PlacementProblem& problem) {
  double total = 0;
  for (const Loads& loads : problem.windows) {
    total += sum(loads) > 0 ? least_time(loads, problem) : 0;
  }
  return total / static_cast<double>(problem.windows.size());
}

/// The argument from hot experts on equal ranks. If each replica of some experts needs more than
/// half of the time, they stand on as many ranks as they have replicas. The replicas of other
/// experts that find no slot on the ranks left must join them.
class Crowding {
 public:
  Crowding(const PlacementProblem& problem, double time)
      : time_(time * problem.ranks.front().speed),
        ranks_(static_cast<int>(problem.ranks.size())),
        slots_(problem.ranks.front().slots),
        loads_(mean_of(problem.windows)) {
    std::sort(loads_.begin(), loads_.end(), std::greater<>());
    spare_ = problem.slots;
    for (const double load : loads_) {
      parts_.push_back(static_cast<int>(std::max(1.0, std::ceil(load / time_ * (1 - 1e-14)))));
      spare_ -= parts_.back();
      pieces_.insert(pieces_.end(), static_cast<std::size_t>(parts_.back()), load / parts_.back());
    }
    std::sort(pieces_.begin(), pieces_.end());
  }

  bool is_impossible() const {
    if (spare_ < 0) {
      return true;
    }
    std::vector<std::size_t> order(loads_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return loads_[a] / parts_[a] > loads_[b] / parts_[b];
    });
    std::vector<std::size_t> hot;
    for (const std::size_t expert : order) {
      const bool is_hot = loads_[expert] / parts_[expert] > time_ / 2;
      const bool stays_hot = loads_[expert] / (parts_[expert] + spare_) > time_ / 2;
      if (!is_hot || (!stays_hot && spare_ > 2)) {
        continue;
      }
      hot.push_back(expert);
      if (overflows_always(hot, spare_)) {
        return true;
      }
    }
    return false;
  }

 private:
  /// Whichever of the hot experts are divided once more and so are hot no longer.
  bool overflows_always(const std::vector<std::size_t>& hot, int spare) const {
    if (!overflows(hot, spare)) {
      return false;
    }
    for (std::size_t i = 0; i < hot.size() && spare > 0; ++i) {
      if (loads_[hot[i]] / (parts_[hot[i]] + spare_) > time_ / 2) {
        continue;
      }
      std::vector<std::size_t> fewer = hot;
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
      if (!overflows_always(fewer, spare - 1)) {
        return false;
      }
    }
    return true;
  }

  bool overflows(const std::vector<std::size_t>& hot, int spare) const {
    int parts = 0;
    double load = 0;
    for (const std::size_t expert : hot) {
      parts += parts_[expert];
      load += loads_[expert];
    }
    for (int more = 0; more <= spare && parts + more <= ranks_; ++more) {
      const int others =
          static_cast<int>(pieces_.size()) - parts - slots_ * (ranks_ - parts - more);
      double joined = 0;
      for (int piece = 0; piece < others; ++piece) {
        joined += pieces_[static_cast<std::size_t>(piece)];
      }
      if (load + joined <= (parts + more) * time_) {
        return false;
      }
    }
    return true;
  }

  double time_;
  int ranks_, slots_;
  Loads loads_;                 // the largest first
  std::vector<int> parts_;      // at least
  std::vector<double> pieces_;  // all parts, the smallest first
  int spare_ = 0;
};

bool has_equal_ranks(const PlacementProblem& problem) {
  return std::all_of(problem.ranks.begin(), problem.ranks.end(), [&](const RankRoom& rank) {
    return rank.slots == problem.ranks.front().slots && rank.speed == problem.ranks.front().speed;
  });
}

}  // namespace

Recheck recheck(const PlacementProblem& problem, Proof proof, double time, std::int64_t steps) {
  const Loads mean = mean_of(problem.windows);
  const auto said = [](bool is_impossible) {
    return is_impossible ? Recheck::kImpossible : Recheck::kPossible;
  };
  switch (proof) {
    case Proof::kMean:
      return said(exceeds_mean(mean, problem, time));
    case Proof::kSlots:
      return said(exceeds_slots(mean, problem, time));
    case Proof::kWindows:
      return said(windows_time(problem) > time);
    case Proof::kCrowding:
      return said(problem.shares == SharePolicy::kEqual && has_equal_ranks(problem) &&
                  Crowding(problem, time).is_impossible());
    case Proof::kNodes:
      return groups_fit(problem, time, steps);
    case Proof::kSearch:
      return placements_within(problem, time, steps);
    case Proof::kMeanSearch:
      return placements_within(averaged(problem), time, steps);
  }
  return Recheck::kPossible;
}

}  // namespace bam
