#pragma once

#include <span>
#include <vector>

#include "parallel/planner/problem.h"

namespace bam {

/// A placement under construction, replicas sharing equally: knows each rank's time at any moment.
/// Does not check slots; moves do.
class Draft {
 public:
  explicit Draft(const PlacementProblem& problem);

  const PlacementProblem& problem() const { return *problem_; }
  int windows() const { return windows_; }
  bool holds(int rank, int expert) const { return held_[index(rank, expert)] != 0; }
  /// Whether the expert is not on the rank and may be: see keep_on_nodes.
  bool may_take(int rank, int expert) const {
    return !holds(rank, expert) &&
           (home_.empty() || home_[as_size(expert)] == rank / problem_->reach());
  }
  /// Slots free on the rank; the placement as a whole may have fewer left.
  int free_slots(int rank) const;
  /// Slots left to the placement as a whole.
  int spare_slots() const { return problem_->slots - used_; }
  std::span<const int> experts_on(int rank) const { return experts_on_[as_size(rank)]; }
  std::span<const int> ranks_of(int expert) const { return ranks_of_[as_size(expert)]; }
  int copies(int expert) const { return static_cast<int>(ranks_of_[as_size(expert)].size()); }

  /// Load of expert in each window, all its replicas together. (windows)
  std::span<const double> load(int expert) const { return row(loads_, expert); }
  /// Load of one replica of the expert in each window. (windows)
  std::span<const double> part(int expert) const { return row(parts_, expert); }
  /// Time (load / speed) of the rank in each window. (windows)
  std::span<const double> time(int rank) const { return row(times_, rank); }
  double speed(int rank) const { return problem_->ranks[as_size(rank)].speed; }
  /// Time of the slowest rank, averaged over the windows.
  double cost() const;

  void add(int expert, int rank);
  void remove(int expert, int rank);
  /// From now on experts stay on the node that they are on.
  void keep_on_nodes();
  /// Adds the times up anew, free of the rounding that many changes leave behind.
  void refresh();

 private:
  static std::size_t as_size(int value) { return static_cast<std::size_t>(value); }
  std::size_t index(int rank, int expert) const {
    return as_size(rank) * ranks_of_.size() + as_size(expert);
  }
  std::span<const double> row(const std::vector<double>& values, int at) const {
    return {values.data() + as_size(at) * as_size(windows_), as_size(windows_)};
  }
  void add_parts(int expert, int rank, double times);
  void split(int expert);

  const PlacementProblem* problem_;
  int windows_;
  int used_ = 0;
  std::vector<double> loads_;                 // (experts, windows)
  std::vector<double> parts_;                 // (experts, windows)
  std::vector<double> times_;                 // (ranks, windows)
  std::vector<char> held_;                    // (ranks, experts)
  std::vector<std::vector<int>> experts_on_;  // a rank's experts
  std::vector<std::vector<int>> ranks_of_;    // an expert's ranks
  std::vector<int> home_;                     // an expert's node; empty: any
};

}  // namespace bam
