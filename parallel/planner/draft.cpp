#include "parallel/planner/draft.h"

#include <algorithm>

namespace bam {

Draft::Draft(const PlacementProblem& problem)
    : problem_(&problem),
      windows_(static_cast<int>(problem.windows.size())),
      times_(problem.ranks.size() * problem.windows.size()),
      held_(problem.ranks.size() * as_size(problem.experts())),
      experts_on_(problem.ranks.size()),
      ranks_of_(as_size(problem.experts())) {
  for (int expert = 0; expert < problem.experts(); ++expert) {
    for (const auto& window : problem.windows) {
      loads_.push_back(window[as_size(expert)]);
    }
  }
  parts_ = loads_;
}

int Draft::free_slots(int rank) const {
  return problem_->ranks[as_size(rank)].slots - static_cast<int>(experts_on_[as_size(rank)].size());
}

double Draft::cost() const {
  double sum = 0;
  for (int window = 0; window < windows_; ++window) {
    double worst = 0;
    for (std::size_t at = as_size(window); at < times_.size(); at += as_size(windows_)) {
      worst = std::max(worst, times_[at]);
    }
    sum += worst;
  }
  return sum / windows_;
}

void Draft::add_parts(int expert, int rank, double times) {
  const auto part = row(parts_, expert);
  double* time = times_.data() + as_size(rank) * as_size(windows_);
  for (std::size_t window = 0; window < part.size(); ++window) {
    time[window] += times * part[window] / speed(rank);
  }
}

void Draft::split(int expert) {
  const double copies = std::max(1, this->copies(expert));
  const std::size_t begin = as_size(expert) * as_size(windows_);
  for (std::size_t at = begin; at < begin + as_size(windows_); ++at) {
    parts_[at] = loads_[at] / copies;
  }
}

void Draft::add(int expert, int rank) {
  auto& ranks = ranks_of_[as_size(expert)];
  for (const int other : ranks) {
    add_parts(expert, other, -1);
  }
  ranks.push_back(rank);
  experts_on_[as_size(rank)].push_back(expert);
  held_[index(rank, expert)] = 1;
  ++used_;
  split(expert);
  for (const int other : ranks) {
    add_parts(expert, other, 1);
  }
}

void Draft::remove(int expert, int rank) {
  auto& ranks = ranks_of_[as_size(expert)];
  for (const int other : ranks) {
    add_parts(expert, other, -1);
  }
  std::erase(ranks, rank);
  std::erase(experts_on_[as_size(rank)], expert);
  held_[index(rank, expert)] = 0;
  --used_;
  split(expert);
  for (const int other : ranks) {
    add_parts(expert, other, 1);
  }
}

void Draft::keep_on_nodes() {
  for (const auto& ranks : ranks_of_) {
    home_.push_back(ranks.front() / problem_->reach());
  }
}

void Draft::refresh() {
  std::fill(times_.begin(), times_.end(), 0.0);
  for (int rank = 0; rank < problem_->rank_count(); ++rank) {
    std::sort(experts_on_[as_size(rank)].begin(), experts_on_[as_size(rank)].end());
    for (const int expert : experts_on_[as_size(rank)]) {
      add_parts(expert, rank, 1);
    }
  }
}

}  // namespace bam
