#include "parallel/planner/trial.h"

#include <algorithm>
#include <numeric>

namespace bam {
namespace {

double to_the_64th(double x) {
  for (int i = 0; i < 6; ++i) {
    x *= x;
  }
  return x;
}

}  // namespace

Trial::Trial(const PlacementProblem& problem, double limit)
    : limit_(limit),
      changes_(problem.ranks.size() * problem.windows.size()),
      is_touched_(problem.ranks.size()) {
  for (const auto& loads : problem.windows) {
    const double total = std::accumulate(loads.begin(), loads.end(), 0.0);
    means_.push_back(total > 0 ? total / problem.total_speed() : 1);
  }
}

double* Trial::change(int rank) {
  const auto at = static_cast<std::size_t>(rank);
  if (is_touched_[at] == 0) {
    is_touched_[at] = 1;
    touched_.push_back(rank);
  }
  return changes_.data() + at * means_.size();
}

void Trial::shift(const Draft& draft, int expert, int from, int to) {
  double* less = change(from);
  double* more = change(to);
  const auto part = draft.part(expert);
  for (std::size_t window = 0; window < part.size(); ++window) {
    less[window] -= part[window];
    more[window] += part[window];
  }
}

// The expert's replicas will be `copies`; the one on `rank` comes (sign 1) or goes (sign -1).
void Trial::share_anew(const Draft& draft, int expert, int rank, int copies, double sign) {
  const auto load = draft.load(expert);
  const auto part = draft.part(expert);
  for (std::size_t window = 0; window < part.size(); ++window) {
    change(rank)[window] += sign * load[window] / copies;
  }
  for (const int holder : draft.ranks_of(expert)) {
    double* own = change(holder);
    for (std::size_t window = 0; window < part.size(); ++window) {
      own[window] += load[window] / copies - part[window];
    }
  }
}

void Trial::add(const Draft& draft, int expert, int rank) {
  share_anew(draft, expert, rank, draft.copies(expert) + 1, 1);
}

void Trial::drop(const Draft& draft, int expert, int rank) {
  share_anew(draft, expert, rank, draft.copies(expert) - 1, -1);
}

double Trial::gain(const Draft& draft) {
  double gain = 0;
  for (const int rank : touched_) {
    double* own = change(rank);
    const auto time = draft.time(rank);
    for (std::size_t window = 0; window < means_.size(); ++window) {
      const double after = time[window] + own[window] / draft.speed(rank);
      const int at = static_cast<int>(window);
      gain += unevenness_of(time[window], at) - unevenness_of(after, at);
      own[window] = 0;
    }
    is_touched_[static_cast<std::size_t>(rank)] = 0;
  }
  touched_.clear();
  ++weighed_;
  return gain;
}

Slowest Trial::slowest(const Draft& draft) const {
  Slowest slowest;
  double worst = -1;
  for (int rank = 0; rank < draft.problem().rank_count(); ++rank) {
    for (int window = 0; window < draft.windows(); ++window) {
      if (relative_time(draft, rank, window) > worst) {
        worst = relative_time(draft, rank, window);
        slowest = {rank, window};
      }
    }
  }
  return slowest;
}

double Trial::unevenness_of(double time, int window) const {
  const double mean = means_[static_cast<std::size_t>(window)];
  return limit_ > 0 ? std::max(0.0, time - limit_ * mean) : mean * to_the_64th(time / mean);
}

double Trial::unevenness(const Draft& draft, int rank) const {
  double sum = 0;
  for (int window = 0; window < draft.windows(); ++window) {
    sum += unevenness_of(draft.time(rank)[static_cast<std::size_t>(window)], window);
  }
  return sum;
}

}  // namespace bam
