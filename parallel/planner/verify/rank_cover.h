#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "parallel/planner/problem.h"
#include "parallel/planner/verify/recheck.h"

namespace bam {

/// Goes through all placements with equal shares of up to 16 experts, by what one rank after the
/// other holds.
class RankCover {
 public:
  /// Experts of these loads, [window][expert] (each above 0 somewhere), on these ranks, `slots`
  /// replicas at most.
  RankCover(std::vector<std::vector<double>> windows, const std::vector<RankRoom>& ranks, int slots,
            std::int64_t steps);

  /// Whether one of them has its slowest rank done by `time`, averaged over the windows.
  Recheck within(double time);

 private:
  static constexpr std::size_t kMost = 16;
  using Counts = std::array<std::uint8_t, kMost>;

  /// What a rank can hold.
  struct Content {
    Counts copies{};        // of each expert on it, how many there are in all; 0: not on it
    std::size_t loads = 0;  // where its loads begin among its kind's
  };
  /// Ranks that are alike, and all that one of them can hold.
  struct Kind {
    RankRoom room;
    int ranks = 0;
    std::vector<Content> contents;
    std::vector<double> loads;  // (contents, windows)
  };
  /// A content on its way to being listed.
  struct Draft {
    Counts copies{};
    std::vector<double> loads;  // (windows)
    int replicas = 0;           // as in Progress
  };
  using Lists = std::vector<std::vector<const Content*>>;  // [kind]
  struct Progress {
    Counts copies{};              // decided for each expert; 0: open
    Counts missing{};             // of those, not on a rank yet
    std::vector<int> ranks;       // left of each kind
    double speed = 0;             // of the ranks left
    std::vector<double> left;     // load that is on no rank yet (windows)
    std::vector<double> slowest;  // time of the slowest rank, at least (windows)
    int replicas = 0;             // decided so far, of open experts the least
  };

  std::vector<double> slowest_at_least() const;
  int fewest_copies(const std::vector<double>& loads) const;
  double in_all(const Progress& progress, double speed, const double* loads) const;
  double alone(const Kind& kind, const Draft& draft) const;
  void weigh(const Kind& kind);
  void list(Kind& kind, std::size_t expert, int held, const Draft& draft);
  bool can_be_enough(const Kind& kind, std::size_t expert, int held, const Draft& draft) const;
  Draft with(const Draft& draft, std::size_t expert, int copies) const;
  const double* loads_of(const Kind& kind, const Content& content) const;
  bool agrees(const Content& content, const Kind& kind, const Progress& progress) const;
  bool is_done(const Progress& progress) const;
  std::size_t scarcest(const Lists& usable, const Progress& progress) const;
  Lists usable(const Progress& progress, const Lists& contents);
  Progress with(const Progress& progress, std::size_t kind, const Content& content) const;
  bool is_new(const Progress& progress);
  bool finish(const Progress& progress, const Lists& contents);

  std::vector<std::vector<double>> loads_;  // [expert][window]
  std::vector<Kind> kinds_;
  std::vector<double> totals_;  // (windows)
  int slots_;
  std::int64_t steps_left_;
  int ranks_ = 0;
  double speed_ = 0;
  double most_ = 0;  // what the slowest ranks of all windows may take together
  Progress start_;
  std::vector<int> fewest_;                                 // copies of each expert, at least
  std::vector<std::vector<std::vector<double>>> heaviest_;  // [expert][count][window], of a kind
  std::unordered_map<std::string, std::vector<std::vector<double>>> seen_;  // with their slowest
};

}  // namespace bam
