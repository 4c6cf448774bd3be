#include "parallel/planner/window_cover.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <numeric>

namespace bam {
namespace {

/// Part of the whole load: far above rounding, far below what placements differ by.
constexpr double kRounding = 1e-10;
/// Steps of listing the fillings of a kind of rank.
constexpr std::int64_t kMostFillings = std::int64_t{1} << 20;
/// Times kept of states that were met.
constexpr std::size_t kMostKept = std::size_t{1} << 23;

bool is_nowhere_above(const std::vector<double>& times, const std::vector<double>& others) {
  return std::equal(times.begin(), times.end(), others.begin(), std::less_equal<>());
}

}  // namespace

WindowCover::WindowCover(const SmallProblem& problem, std::vector<double> least)
    : problem_(problem), times_{std::move(least), 0} {
  for (std::size_t expert = 0; expert < problem.experts.size(); ++expert) {
    const auto first = std::find(problem.window_loads.begin(), problem.window_loads.end(),
                                 problem.window_loads[expert]);
    alike_.push_back(static_cast<int>(first - problem.window_loads.begin()));
  }
}

std::optional<std::vector<std::vector<int>>> WindowCover::below(double time,
                                                                std::int64_t step_limit) {
  times_.most = (time + kRounding * problem_.total / problem_.speed) *
                static_cast<double>(times_.least.size());
  step_limit_ = step_limit;
  chosen_.assign(problem_.classes.size(), {});
  seen_.clear();
  kept_ = 0;
  copies_ = copies_within();
  has_given_up_ = false;
  const bool is_possible = std::none_of(copies_.begin(), copies_.end(),
                                        [](const auto& choices) { return choices.empty(); });
  if (!is_possible) {
    return std::nullopt;
  }
  least_.clear();
  for (const auto& choices : copies_) {
    least_.push_back(choices.front());
  }
  const int spare = problem_.slots - std::accumulate(least_.begin(), least_.end(), 0);
  has_given_up_ = !list_fillings();
  if (has_given_up_ || spare < 0) {
    return std::nullopt;
  }
  State start;
  Options options;
  for (std::size_t kind = 0; kind < listed_.size(); ++kind) {
    start.ranks |= problem_.classes[kind].ranks.size() * digits::one(static_cast<int>(kind));
    auto& list = options.emplace_back();
    for (const WindowFilling& filling : listed_[kind].all()) {
      list.push_back(&filling);
    }
  }
  if (!fill({start, spare, problem_.speed, problem_.totals, times_.least, options})) {
    return std::nullopt;
  }
  return answer();
}

/// Every number of copies of which one alone does not take too long, the least first.
std::vector<std::vector<int>> WindowCover::copies_within() const {
  std::vector<std::vector<int>> copies;
  for (const std::vector<double>& loads : problem_.window_loads) {
    auto& choices = copies.emplace_back();
    for (int count = 1; count <= problem_.rank_count; ++count) {
      double sum = 0;
      for (std::size_t window = 0; window < loads.size(); ++window) {
        sum += std::max(times_.least[window], loads[window] / count / problem_.fastest);
      }
      if (sum <= times_.most) {
        choices.push_back(count);
      }
    }
  }
  return copies;
}

bool WindowCover::list_fillings() {
  listed_.clear();
  for (const auto& kind : problem_.classes) {
    const std::int64_t most = std::min(kMostFillings, step_limit_ - steps_);
    listed_.emplace_back(problem_, copies_, kind.room, times_, most);
    steps_ += listed_.back().steps();
    if (!listed_.back().is_complete()) {
      return false;
    }
  }
  return true;
}

std::uint64_t WindowCover::open(const State& state) const {
  std::uint64_t open = 0;
  for (int expert = 0; expert < static_cast<int>(least_.size()); ++expert) {
    open |= digits::at(state.copies, expert) == 0 ? digits::mask(expert) : 0;
  }
  return open;
}

std::uint64_t WindowCover::done(const State& state) const {
  std::uint64_t done = 0;
  for (int expert = 0; expert < static_cast<int>(least_.size()); ++expert) {
    const bool is_done =
        digits::at(state.copies, expert) != 0 && digits::at(state.owed, expert) == 0;
    done |= is_done ? digits::mask(expert) : 0;
  }
  return done;
}

/// Of experts that are alike, the first ones have the most copies.
WindowCover::State WindowCover::canonical(State state) const {
  const auto size = static_cast<int>(alike_.size());
  for (int expert = 1; expert < size; ++expert) {
    for (int at = expert;
         at > 0 && alike_[static_cast<std::size_t>(at)] == alike_[static_cast<std::size_t>(at - 1)];
         --at) {
      const auto key = [&](int e) {
        return 16 * digits::at(state.copies, e) + digits::at(state.owed, e);
      };
      if (key(at) <= key(at - 1)) {
        break;
      }
      for (std::uint64_t* word : {&state.copies, &state.owed}) {
        const auto other =
            static_cast<std::uint64_t>(digits::at(*word, at) ^ digits::at(*word, at - 1));
        *word ^= other * digits::one(at) ^ other * digits::one(at - 1);
      }
    }
  }
  return state;
}

/// Whether this state has not been met with slowest ranks that are nowhere slower.
bool WindowCover::is_new(const Node& node) {
  const State state = canonical(node.state);
  const auto known = seen_.find(state);
  if (known != seen_.end()) {
    auto& met = known->second;
    steps_ += static_cast<std::int64_t>(met.size() / 4);
    if (std::any_of(met.begin(), met.end(),
                    [&](const auto& times) { return is_nowhere_above(times, node.times); })) {
      return false;
    }
    kept_ -=
        std::erase_if(met, [&](const auto& times) { return is_nowhere_above(node.times, times); });
  }
  if (kept_ * (node.times.size() + 4) < kMostKept) {
    seen_[state].push_back(node.times);
    ++kept_;
  }
  return true;
}

/// Time of the slowest ranks of all windows together, at least, once one more rank holds the loads.
double WindowCover::together(const Node& node, std::size_t kind, const double* loads) const {
  const double speed = problem_.classes[kind].room.speed;
  const double others = node.speed - speed;
  const double per_load = others > kRounding * speed ? 1 / others : 0;
  double sum = 0;
  for (std::size_t window = 0; window < node.times.size(); ++window) {
    const double rest = (node.rest[window] - loads[window]) * per_load;
    sum += std::max({node.times[window], loads[window] / speed, rest});
  }
  return sum;
}

int WindowCover::extra_copies(const WindowFilling& filling, std::uint64_t open) const {
  int extra = 0;
  each_expert(filling.members & open, [&](int expert) {
    extra += digits::at(filling.copies, expert) - least_[static_cast<std::size_t>(expert)];
  });
  return extra;
}

WindowCover::Options WindowCover::fitting(const Node& node) {
  const std::uint64_t open = this->open(node.state);
  const std::uint64_t done = this->done(node.state);
  Options options(listed_.size());
  for (std::size_t kind = 0; kind < listed_.size(); ++kind) {
    if (digits::at(node.state.ranks, static_cast<int>(kind)) == 0) {
      continue;
    }
    for (const WindowFilling* filling : node.options[kind]) {
      const bool agrees = ((filling->copies ^ node.state.copies) & filling->members & ~open) == 0 &&
                          (filling->members & done) == 0;
      if (agrees && extra_copies(*filling, open) <= node.spare &&
          together(node, kind, listed_[kind].loads_of(*filling)) <= times_.most) {
        options[kind].push_back(filling);
      }
    }
    steps_ += static_cast<std::int64_t>(node.options[kind].size() / 4);
  }
  return options;
}

// Fills the ranks left; true when all experts are placed.
bool WindowCover::fill(const Node& node) {
  if (++steps_ > step_limit_) {
    has_given_up_ = true;
    return false;
  }
  const std::uint64_t done = this->done(node.state);
  if (std::popcount(done) == 4 * static_cast<int>(least_.size())) {
    return true;
  }
  if (!has_room(problem_, least_, node.state) || !is_new(node)) {
    return false;
  }
  const Options options = fitting(node);
  const std::uint64_t wanted = digits::mask(rarest(options, static_cast<int>(least_.size()), done));
  for (std::size_t kind = 0; kind < options.size(); ++kind) {
    for (const WindowFilling* filling : options[kind]) {
      if ((filling->members & wanted) != 0 && fill_one(node, options, kind, *filling)) {
        return true;
      }
    }
  }
  return false;
}

bool WindowCover::fill_one(const Node& node, const Options& options, std::size_t kind,
                           const WindowFilling& filling) {
  const std::uint64_t open = this->open(node.state);
  const double speed = problem_.classes[kind].room.speed;
  Node next{node.state,         node.spare - extra_copies(filling, open),
            node.speed - speed, node.rest,
            node.times,         options};
  next.state.ranks -= digits::one(static_cast<int>(kind));
  next.state.copies |= filling.copies;
  next.state.owed |= filling.copies & open;
  each_expert(filling.members, [&](int expert) { next.state.owed -= digits::one(expert); });
  const double* loads = listed_[kind].loads_of(filling);
  for (std::size_t window = 0; window < next.times.size(); ++window) {
    next.rest[window] -= loads[window];
    next.times[window] = std::max(next.times[window], loads[window] / speed);
  }
  chosen_[kind].push_back(filling.members);
  if (fill(next)) {
    return true;
  }
  chosen_[kind].pop_back();
  return false;
}

std::vector<std::vector<int>> WindowCover::answer() const {
  std::vector<std::vector<int>> experts_on(static_cast<std::size_t>(problem_.rank_count));
  for (std::size_t kind = 0; kind < chosen_.size(); ++kind) {
    for (std::size_t i = 0; i < chosen_[kind].size(); ++i) {
      auto& experts = experts_on[static_cast<std::size_t>(problem_.classes[kind].ranks[i])];
      each_expert(chosen_[kind][i], [&](int expert) {
        experts.push_back(problem_.experts[static_cast<std::size_t>(expert)]);
      });
    }
  }
  return experts_on;
}

}  // namespace bam
