#include "parallel/planner/window_fillings.h"

#include <algorithm>

namespace bam {

WindowFillings::WindowFillings(const SmallProblem& problem,
                               const std::vector<std::vector<int>>& copies, const RankRoom& room,
                               const WindowTimes& times, std::int64_t most)
    : problem_(problem), copies_(copies), room_(room), times_(times), most_(most) {
  largest_.assign(problem.experts.size() + 1, std::vector<double>(times.least.size()));
  for (std::size_t expert = problem.experts.size(); expert-- > 0;) {
    const std::vector<double>& loads = problem.window_loads[expert];
    for (std::size_t window = 0; window < loads.size(); ++window) {
      largest_[expert][window] = std::max(largest_[expert + 1][window], loads[window]);
    }
  }
  add(0, {.filling = {}, .held = 0, .loads = std::vector<double>(times.least.size())});
}

void WindowFillings::add(std::size_t expert, const Part& part) {
  if (++steps_ >= most_ || !can_suffice(expert, part)) {
    return;
  }
  if (expert == problem_.experts.size()) {
    all_.push_back(part.filling);
    all_.back().loads = loads_.size();
    loads_.insert(loads_.end(), part.loads.begin(), part.loads.end());
    return;
  }
  add(expert + 1, part);
  if (part.held == room_.slots) {
    return;
  }
  const int at = static_cast<int>(expert);
  for (const int count : copies_[expert]) {
    Part more = part;
    ++more.held;
    more.filling.copies |= static_cast<std::uint64_t>(count) * digits::one(at);
    more.filling.members |= digits::mask(at);
    for (std::size_t window = 0; window < more.loads.size(); ++window) {
      more.loads[window] += problem_.window_loads[expert][window] / count;
    }
    if (is_within(more)) {
      add(expert + 1, more);
    }
  }
}

/// Whether the rank alone does not take too long.
bool WindowFillings::is_within(const Part& part) const {
  double sum = 0;
  for (std::size_t window = 0; window < part.loads.size(); ++window) {
    sum += std::max(times_.least[window], part.loads[window] / room_.speed);
  }
  return sum <= times_.most;
}

/// Whether the other ranks do not take too long, whatever else of the experts from this one on the
/// rank takes.
bool WindowFillings::can_suffice(std::size_t expert, const Part& part) const {
  const double others = problem_.speed - room_.speed;
  if (others <= 0) {
    return true;
  }
  double sum = 0;
  for (std::size_t window = 0; window < part.loads.size(); ++window) {
    const double most = part.loads[window] + (room_.slots - part.held) * largest_[expert][window];
    sum += std::max(times_.least[window], (problem_.totals[window] - most) / others);
  }
  return sum <= times_.most;
}

}  // namespace bam
