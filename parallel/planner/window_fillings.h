#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "parallel/planner/cover_search.h"

namespace bam {

/// What the slowest rank of each window takes at least, and how much that may come to. (windows)
struct WindowTimes {
  std::vector<double> least;  // of each window
  double most = 0;            // of all windows together
};

/// What one rank may hold, with its load in each window.
struct WindowFilling {
  std::uint64_t copies = 0;   // as in Filling
  std::uint64_t members = 0;  // as in Filling
  std::size_t loads = 0;      // where they begin in WindowFillings::loads_of
};

/// All that a rank of one kind may hold in placements whose slowest ranks take no longer than
/// given.
class WindowFillings {
 public:
  /// `copies`: as Fillings takes it. Gives up where there are more than `most`.
  WindowFillings(const SmallProblem& problem, const std::vector<std::vector<int>>& copies,
                 const RankRoom& room, const WindowTimes& times, std::int64_t most);

  bool is_complete() const { return steps_ < most_; }
  std::int64_t steps() const { return steps_; }
  std::span<const WindowFilling> all() const { return all_; }
  /// Load in each window. (windows)
  const double* loads_of(const WindowFilling& filling) const { return &loads_[filling.loads]; }

 private:
  struct Part {
    WindowFilling filling;
    int held = 0;
    std::vector<double> loads;
  };

  void add(std::size_t expert, const Part& part);
  bool is_within(const Part& part) const;
  bool can_suffice(std::size_t expert, const Part& part) const;

  const SmallProblem& problem_;
  const std::vector<std::vector<int>>& copies_;
  RankRoom room_;
  const WindowTimes& times_;
  std::int64_t most_;
  std::int64_t steps_ = 0;
  std::vector<std::vector<double>> largest_;  // [expert][window] of its load and those after it
  std::vector<WindowFilling> all_;
  std::vector<double> loads_;  // (fillings, windows)
};

}  // namespace bam
