#pragma once

#include <cstdint>
#include <optional>
#include <unordered_set>
#include <vector>

#include "parallel/planner/fillings.h"
#include "parallel/planner/problem.h"

namespace bam {

/// A problem small enough for the exact search, in the form that search works on.
struct SmallProblem {
  /// Ranks that are alike.
  struct RankClass {
    RankRoom room;
    std::vector<int> ranks;
  };
  std::vector<int> experts;                       // those with load, the largest first
  std::vector<int> idle;                          // those without
  std::vector<double> loads;                      // of experts, averaged over the windows
  double total = 0;                               // of the loads
  std::vector<std::vector<double>> window_loads;  // [expert][window]
  std::vector<double> totals;                     // of each window
  std::vector<RankClass> classes;
  double speed = 0;    // of all ranks together
  double fastest = 0;  // speed of the fastest
  int rank_count = 0;
  int slots = 0;  // for experts with load

  explicit SmallProblem(const PlacementProblem& problem);
  /// Copies below which an expert's part alone takes a rank longer than `time`. (experts)
  std::vector<int> least_copies(double time) const;
};

/// Looks for placements faster than a given time by filling one rank after the other. Every rank
/// must be nearly full for all load to fit, so that only fillings in a narrow range of loads come
/// into question; the next one is always one of those that hold the expert for which the fewest are
/// left.
class CoverSearch {
 public:
  /// Experts may be divided as `copies` says: [expert][choice]. Gives up where a rank has more than
  /// so many fillings to choose from.
  CoverSearch(const SmallProblem& problem, const std::vector<std::vector<int>>& copies,
              std::size_t most_fillings);

  /// Experts on each rank in a placement faster than `time` (idle ones left out). None: there is
  /// none, or else has_given_up.
  std::optional<std::vector<std::vector<int>>> below(double time, std::int64_t step_limit);
  /// False: a rank has too many fillings even to list the halves of; `below` gives up at once.
  bool can_list() const;
  /// Whether the last search was cut short, by its limit or by too many fillings.
  bool has_given_up() const { return has_given_up_; }
  /// Steps taken by all searches so far.
  std::int64_t steps() const { return steps_; }

 private:
  using Options = std::vector<std::vector<const Filling*>>;  // [class]

  /// What is left to do on the way to a placement: digits of experts and of rank classes.
  struct State {
    std::uint64_t copies = 0;  // an expert's copies; 0: not decided
    std::uint64_t owed = 0;    // an expert's copies that are decided but not placed
    std::uint64_t ranks = 0;   // a class's ranks that are not filled
    bool operator==(const State&) const = default;
  };
  struct StateHash {
    std::size_t operator()(const State& state) const;
  };
  /// A state and what it leaves room for; both follow from the state.
  struct Node {
    State state;
    double slack = 0;  // load by which the ranks left may fall short of their time
    int spare = 0;     // copies that experts may still have beyond the least
    const Options& options;
  };
  struct Masks {
    std::uint64_t open = 0;  // experts not decided
    std::uint64_t done = 0;  // experts all placed
  };

  bool list_fillings(double time);
  Masks masks_of(const State& state) const;
  int extra_copies(const Filling& filling, std::uint64_t open) const;
  bool fits(const Filling& filling, const Node& node, const Masks& masks) const;
  Options fitting(const Node& node, const Masks& masks);
  int rarest(const Options& options, std::uint64_t done) const;
  bool has_room(const State& state) const;
  bool fill(const Node& node);
  bool fill_one(const Node& node, const Masks& masks, const Options& options, std::size_t kind,
                const Filling& filling);
  std::vector<std::vector<int>> answer() const;

  const SmallProblem& problem_;
  std::vector<Fillings> all_;  // [class]
  std::size_t most_fillings_;
  std::int64_t steps_ = 0;
  std::int64_t step_limit_ = 0;
  bool has_given_up_ = false;

  // of the search in progress
  double time_ = 0;
  std::vector<int> least_;                          // copies of each expert
  std::vector<std::vector<Filling>> listed_;        // [class]
  std::vector<std::vector<std::uint64_t>> chosen_;  // [class][rank filled] members
  std::unordered_set<State, StateHash> seen_;
};

}  // namespace bam
