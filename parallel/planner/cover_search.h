#pragma once

#include <array>
#include <bit>
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

/// What a search that fills one rank after the other has decided: a digit an expert, and of ranks a
/// digit a class.
struct CoverState {
  std::uint64_t copies = 0;  // an expert's copies; 0: not decided
  std::uint64_t owed = 0;    // an expert's copies that are decided but not placed
  std::uint64_t ranks = 0;   // a class's ranks that are not filled
  bool operator==(const CoverState&) const = default;
};
struct CoverStateHash {
  std::size_t operator()(const CoverState& state) const;
};

/// Whether the ranks that are not filled have slots for what is left, `least` copies of experts
/// that are not decided.
bool has_room(const SmallProblem& problem, const std::vector<int>& least, const CoverState& state);

/// Experts named by a mask of digits, one after the other.
template <class Visit>
void each_expert(std::uint64_t members, Visit visit) {
  while (members != 0) {
    const int expert = std::countr_zero(members) / 4;
    visit(expert);
    members &= ~digits::mask(expert);
  }
}

/// The expert, of `experts`, still to be placed that the fewest fillings hold. options [class].
template <class AnyFilling>
int rarest(const std::vector<std::vector<const AnyFilling*>>& options, int experts,
           std::uint64_t done) {
  std::array<std::size_t, 16> uses{};
  for (const auto& list : options) {
    for (const AnyFilling* filling : list) {
      each_expert(filling->members, [&](int expert) { ++uses[static_cast<std::size_t>(expert)]; });
    }
  }
  int rarest = -1;
  for (int expert = 0; expert < experts; ++expert) {
    const bool is_left = (done & digits::mask(expert)) == 0;
    if (is_left && (rarest < 0 || uses[static_cast<std::size_t>(expert)] <
                                      uses[static_cast<std::size_t>(rarest)])) {
      rarest = expert;
    }
  }
  return rarest;
}

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
  using State = CoverState;
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
  std::unordered_set<State, CoverStateHash> seen_;
};

}  // namespace bam
