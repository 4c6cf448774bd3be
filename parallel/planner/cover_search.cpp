#include "parallel/planner/cover_search.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace bam {
namespace {

/// Part of the whole load: far above rounding, far below what placements differ by.
constexpr double kRounding = 1e-10;

}  // namespace

std::size_t CoverStateHash::operator()(const CoverState& state) const {
  std::uint64_t hash = 0;
  for (const std::uint64_t word : {state.copies, state.owed, state.ranks}) {
    hash = (std::rotl(hash, 23) ^ word) * 0x9E3779B97F4A7C15ULL;
    hash ^= hash >> 32;
  }
  return hash;
}

bool has_room(const SmallProblem& problem, const std::vector<int>& least, const CoverState& state) {
  int ranks = 0;
  int slots = 0;
  for (std::size_t kind = 0; kind < problem.classes.size(); ++kind) {
    const int left = digits::at(state.ranks, static_cast<int>(kind));
    ranks += left;
    slots += left * problem.classes[kind].room.slots;
  }
  for (int expert = 0; expert < static_cast<int>(least.size()); ++expert) {
    const int owed = digits::at(state.owed, expert);
    const bool is_open = digits::at(state.copies, expert) == 0;
    slots -= is_open ? least[static_cast<std::size_t>(expert)] : owed;
    if (owed > ranks) {
      return false;
    }
  }
  return slots >= 0;
}

SmallProblem::SmallProblem(const PlacementProblem& problem)
    : speed(problem.total_speed()), rank_count(problem.rank_count()) {
  const std::vector<double> means = problem.mean_loads();
  for (int expert = 0; expert < problem.experts(); ++expert) {
    (means[static_cast<std::size_t>(expert)] > 0 ? experts : idle).push_back(expert);
  }
  const auto of_windows = [&](int expert) {
    std::vector<double> own;
    for (const auto& window : problem.windows) {
      own.push_back(window[static_cast<std::size_t>(expert)]);
    }
    return own;
  };
  std::stable_sort(experts.begin(), experts.end(), [&](int a, int b) {
    const double mean_a = means[static_cast<std::size_t>(a)];
    const double mean_b = means[static_cast<std::size_t>(b)];
    return mean_a != mean_b ? mean_a > mean_b : of_windows(a) > of_windows(b);
  });
  for (const int expert : experts) {
    loads.push_back(means[static_cast<std::size_t>(expert)]);
    window_loads.push_back(of_windows(expert));
  }
  for (const auto& window : problem.windows) {
    totals.push_back(std::accumulate(window.begin(), window.end(), 0.0));
  }
  total = std::accumulate(loads.begin(), loads.end(), 0.0);
  slots = problem.slots - static_cast<int>(idle.size());
  for (int rank = 0; rank < rank_count; ++rank) {
    const RankRoom& room = problem.ranks[static_cast<std::size_t>(rank)];
    auto kind = std::find_if(classes.begin(), classes.end(), [&](const RankClass& other) {
      return other.room.slots == room.slots && other.room.speed == room.speed;
    });
    if (kind == classes.end()) {
      kind = classes.insert(classes.end(), RankClass{room, {}});
    }
    kind->ranks.push_back(rank);
    fastest = std::max(fastest, room.speed);
  }
}

std::vector<int> SmallProblem::least_copies(double time) const {
  std::vector<int> least;
  for (const double load : loads) {
    least.push_back(std::max(1, static_cast<int>(std::ceil(load / (time * fastest)))));
  }
  return least;
}

CoverSearch::CoverSearch(const SmallProblem& problem, const std::vector<std::vector<int>>& copies,
                         std::size_t most_fillings)
    : problem_(problem), most_fillings_(most_fillings) {
  for (const auto& kind : problem.classes) {
    all_.emplace_back(problem.loads, copies, kind.room.slots);
    steps_ += all_.back().size();
  }
}

bool CoverSearch::can_list() const {
  return std::all_of(all_.begin(), all_.end(),
                     [](const Fillings& all) { return all.is_complete(); });
}

std::optional<std::vector<std::vector<int>>> CoverSearch::below(double time,
                                                                std::int64_t step_limit) {
  time_ = time;
  step_limit_ = step_limit;
  least_ = problem_.least_copies(time);
  chosen_.assign(problem_.classes.size(), {});
  seen_.clear();
  has_given_up_ = !can_list() || !list_fillings(time);
  const int spare = problem_.slots - std::accumulate(least_.begin(), least_.end(), 0);
  if (has_given_up_ || spare < 0) {
    return std::nullopt;
  }
  State start;
  Options options;
  for (std::size_t kind = 0; kind < listed_.size(); ++kind) {
    start.ranks |= problem_.classes[kind].ranks.size() * digits::one(static_cast<int>(kind));
    auto& list = options.emplace_back();
    for (const Filling& filling : listed_[kind]) {
      list.push_back(&filling);
    }
  }
  const double slack = time * problem_.speed - problem_.total + kRounding * problem_.total;
  if (!fill({start, slack, spare, options})) {
    return std::nullopt;
  }
  return answer();
}

// A rank's load is at least what the others cannot take.
bool CoverSearch::list_fillings(double time) {
  listed_.clear();
  for (std::size_t kind = 0; kind < all_.size(); ++kind) {
    const double speed = problem_.classes[kind].room.speed;
    const double least =
        problem_.total - time * (problem_.speed - speed) - kRounding * problem_.total;
    listed_.push_back(all_[kind].between(least, time * speed, most_fillings_));
    steps_ += static_cast<std::int64_t>(listed_.back().size());
    if (listed_.back().size() == most_fillings_) {
      return false;
    }
  }
  return true;
}

CoverSearch::Masks CoverSearch::masks_of(const State& state) const {
  Masks masks;
  for (int expert = 0; expert < static_cast<int>(least_.size()); ++expert) {
    if (digits::at(state.copies, expert) == 0) {
      masks.open |= digits::mask(expert);
    } else if (digits::at(state.owed, expert) == 0) {
      masks.done |= digits::mask(expert);
    }
  }
  return masks;
}

int CoverSearch::extra_copies(const Filling& filling, std::uint64_t open) const {
  int extra = 0;
  each_expert(filling.members & open, [&](int expert) {
    extra += digits::at(filling.copies, expert) - least_[static_cast<std::size_t>(expert)];
  });
  return extra;
}

bool CoverSearch::fits(const Filling& filling, const Node& node, const Masks& masks) const {
  return ((filling.copies ^ node.state.copies) & filling.members & ~masks.open) == 0 &&
         (filling.members & masks.done) == 0 && extra_copies(filling, masks.open) <= node.spare;
}

CoverSearch::Options CoverSearch::fitting(const Node& node, const Masks& masks) {
  Options options(all_.size());
  for (std::size_t kind = 0; kind < all_.size(); ++kind) {
    if (digits::at(node.state.ranks, static_cast<int>(kind)) == 0) {
      continue;
    }
    const double least = time_ * problem_.classes[kind].room.speed - node.slack;
    std::size_t seen = 0;
    for (; seen < node.options[kind].size(); ++seen) {
      const Filling& filling = *node.options[kind][seen];
      if (filling.load < least) {
        break;  // and all that follow are lighter
      }
      if (fits(filling, node, masks)) {
        options[kind].push_back(&filling);
      }
    }
    steps_ += static_cast<std::int64_t>(seen / 4);
  }
  return options;
}

// Fills the ranks left; true when all experts are placed.
bool CoverSearch::fill(const Node& node) {
  if (++steps_ > step_limit_) {
    has_given_up_ = true;
    return false;
  }
  const Masks masks = masks_of(node.state);
  const int bits = 4 * static_cast<int>(least_.size());
  if (std::popcount(masks.done) == bits) {
    return true;
  }
  if (!has_room(problem_, least_, node.state) || !seen_.insert(node.state).second) {
    return false;
  }
  const Options options = fitting(node, masks);
  const std::uint64_t wanted =
      digits::mask(rarest(options, static_cast<int>(least_.size()), masks.done));
  for (std::size_t kind = 0; kind < options.size(); ++kind) {
    for (const Filling* filling : options[kind]) {
      if ((filling->members & wanted) != 0 && fill_one(node, masks, options, kind, *filling)) {
        return true;
      }
    }
  }
  return false;
}

bool CoverSearch::fill_one(const Node& node, const Masks& masks, const Options& options,
                           std::size_t kind, const Filling& filling) {
  State next = node.state;
  next.ranks -= digits::one(static_cast<int>(kind));
  next.copies |= filling.copies;
  next.owed |= filling.copies & masks.open;
  each_expert(filling.members, [&](int expert) { next.owed -= digits::one(expert); });
  const double slack = node.slack - (time_ * problem_.classes[kind].room.speed - filling.load);
  chosen_[kind].push_back(filling.members);
  if (fill({next, slack, node.spare - extra_copies(filling, masks.open), options})) {
    return true;
  }
  chosen_[kind].pop_back();
  return false;
}

std::vector<std::vector<int>> CoverSearch::answer() const {
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
