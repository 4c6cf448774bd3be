#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "parallel/planner/problem.h"
#include "parallel/planner/verify/recheck.h"

namespace bam {

/// Goes through all placements with equal shares of up to 16 experts, by what one rank after the
/// other holds.
class RankCover {
 public:
  /// Experts of these loads (all above 0) on these ranks, `slots` replicas at most.
  RankCover(std::vector<double> loads, const std::vector<RankRoom>& ranks, int slots,
            std::int64_t steps);

  /// Whether one of them has every rank done by `time`.
  Recheck within(double time);

 private:
  static constexpr std::size_t kMost = 16;
  using Counts = std::array<std::uint8_t, kMost>;

  /// What a rank can hold.
  struct Content {
    Counts copies{};  // of each expert on it, how many there are in all; 0: not on it
    double load = 0;
  };
  /// Ranks that are alike, and all that one of them can hold.
  struct Kind {
    RankRoom room;
    int ranks = 0;
    std::vector<Content> contents;
  };
  using Lists = std::vector<std::vector<const Content*>>;  // [kind]
  struct Progress {
    Counts copies{};         // decided for each expert; 0: open
    Counts missing{};        // of those, not on a rank yet
    std::vector<int> ranks;  // left of each kind
    double idle = 0;         // load that ranks so far fall short of the time
    int replicas = 0;        // decided so far, open experts counted with one each
  };

  void list(Kind& kind, std::size_t expert, int held, Content content);
  bool agrees(const Content& content, const Kind& kind, const Progress& progress) const;
  bool is_done(const Progress& progress) const;
  std::size_t scarcest(const Lists& usable, const Progress& progress) const;
  Lists usable(const Progress& progress, const Lists& contents);
  Progress with(const Progress& progress, std::size_t kind, const Content& content) const;
  bool is_new(const Progress& progress);
  bool finish(const Progress& progress, const Lists& contents);

  std::vector<double> loads_;
  std::vector<Kind> kinds_;
  int slots_;
  std::int64_t steps_left_;
  double time_ = 0;
  double total_ = 0;
  double speed_ = 0;
  std::unordered_set<std::string> seen_;
};

}  // namespace bam
