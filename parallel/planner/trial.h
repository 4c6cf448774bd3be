#pragma once

#include <cstdint>
#include <vector>

#include "parallel/planner/draft.h"

namespace bam {

/// A rank and the window in which it is slow.
struct Slowest {
  int rank = 0;
  int window = 0;
};

/// Weighs changes to a draft without making them. What is weighed is its unevenness, a sum over
/// ranks and windows of a function of time / mean time. With no limit that is its 64th power, which
/// the slowest ranks make up almost alone, so that less of it means that they are faster; with a
/// limit it is what the ranks are above the limit.
class Trial {
 public:
  explicit Trial(const PlacementProblem& problem, double limit = 0);

  /// Notes a change; several may be noted one after the other, of different experts.
  void shift(const Draft& draft, int expert, int from, int to);
  void add(const Draft& draft, int expert, int rank);
  void drop(const Draft& draft, int expert, int rank);
  /// Unevenness that the noted changes take away (negative: that they bring). Forgets them.
  double gain(const Draft& draft);

  /// Time of the rank in the window as a part of the mean time there.
  double relative_time(const Draft& draft, int rank, int window) const {
    return draft.time(rank)[static_cast<std::size_t>(window)] /
           means_[static_cast<std::size_t>(window)];
  }
  /// Where the relative time is largest.
  Slowest slowest(const Draft& draft) const;
  /// Unevenness the rank has part in, over all windows; and what a time in one window would add.
  double unevenness(const Draft& draft, int rank) const;
  double unevenness_of(double time, int window) const;
  /// Changes weighed so far.
  std::int64_t weighed() const { return weighed_; }

 private:
  void share_anew(const Draft& draft, int expert, int rank, int copies, double sign);
  double* change(int rank);

  double limit_;                  // relative to the mean time; 0: none
  std::vector<double> means_;     // (windows) time of every rank if all were equally busy
  std::vector<double> changes_;   // (ranks, windows) loads noted
  std::vector<char> is_touched_;  // (ranks)
  std::vector<int> touched_;      // ranks with a noted change
  std::int64_t weighed_ = 0;
};

}  // namespace bam
