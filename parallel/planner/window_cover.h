#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "parallel/planner/window_fillings.h"

namespace bam {

/// The search of CoverSearch for several windows at once. A filling of one rank takes time from all
/// windows: the times of the slowest ranks so far, and what the load left takes the ranks left,
/// must not add up to more than the windows' times together. A state met again by other fillings is
/// gone on from only where some window's slowest rank is faster than before. Experts that are alike
/// in every window may stand for each other.
class WindowCover {
 public:
  /// `least`: what the slowest rank of each window takes in any placement. (windows)
  WindowCover(const SmallProblem& problem, std::vector<double> least);

  /// Experts on each rank in a placement whose slowest ranks take less than `time`, averaged over
  /// the windows (idle experts left out). None: there is none, or else has_given_up.
  std::optional<std::vector<std::vector<int>>> below(double time, std::int64_t step_limit);
  /// Always: what is listed depends on the time.
  bool can_list() const { return true; }
  bool has_given_up() const { return has_given_up_; }
  /// Steps taken by all searches so far.
  std::int64_t steps() const { return steps_; }

 private:
  using Options = std::vector<std::vector<const WindowFilling*>>;  // [class]

  using State = CoverState;
  struct Node {
    State state;
    int spare = 0;              // copies that experts may still have beyond the least
    double speed = 0;           // of the ranks left
    std::vector<double> rest;   // load not placed (windows)
    std::vector<double> times;  // of the slowest rank, at least (windows)
    const Options& options;
  };

  std::vector<std::vector<int>> copies_within() const;
  bool list_fillings();
  std::uint64_t open(const State& state) const;
  std::uint64_t done(const State& state) const;
  State canonical(State state) const;
  bool is_new(const Node& node);
  double together(const Node& node, std::size_t kind, const double* loads) const;
  int extra_copies(const WindowFilling& filling, std::uint64_t open) const;
  Options fitting(const Node& node);
  bool fill(const Node& node);
  bool fill_one(const Node& node, const Options& options, std::size_t kind,
                const WindowFilling& filling);
  std::vector<std::vector<int>> answer() const;

  const SmallProblem& problem_;
  std::vector<int> alike_;  // of each expert: the first of those like it
  std::int64_t steps_ = 0;
  std::int64_t step_limit_ = 0;
  bool has_given_up_ = false;

  // of the search in progress
  WindowTimes times_;
  std::vector<int> least_;                          // copies of each expert
  std::vector<std::vector<int>> copies_;            // [expert][choice]
  std::vector<WindowFillings> listed_;              // [class]
  std::vector<std::vector<std::uint64_t>> chosen_;  // [class][rank filled] members
  std::size_t kept_ = 0;                            // numbers in seen_
  std::unordered_map<State, std::vector<std::vector<double>>, CoverStateHash> seen_;
};

}  // namespace bam
