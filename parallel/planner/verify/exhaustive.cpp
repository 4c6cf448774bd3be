#include "parallel/planner/verify/exhaustive.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <numeric>

#include "parallel/planner/verify/rank_cover.h"

namespace bam {
namespace {

using Loads = std::vector<double>;

Recheck equal_within(const std::vector<Loads>& windows, const std::vector<RankRoom>& ranks,
                     int slots, double time, std::int64_t steps) {
  std::vector<Loads> busy(windows.size());
  for (std::size_t expert = 0; expert < windows.front().size(); ++expert) {
    const bool is_busy = std::any_of(windows.begin(), windows.end(),
                                     [&](const Loads& loads) { return loads[expert] > 0; });
    for (std::size_t window = 0; window < windows.size() && is_busy; ++window) {
      busy[window].push_back(windows[window][expert]);
    }
  }
  const auto idle = static_cast<int>(windows.front().size() - busy.front().size());
  return RankCover(busy, ranks, slots - idle, steps).within(time);
}

/// With free shares on equal ranks whose slots are all used: experts linked by common ranks form
/// islands. An island of E experts on m ranks has at least E + m - 1 replicas, so E <= m (slots -
/// 1) + 1, and its load is at most m ranks' worth. Fewest ranks for a set, by its last expert's
/// island.
class Islands {
 public:
  Islands(const Loads& loads, int ranks, int slots, double room)
      : loads_(loads), ranks_(ranks), slots_(slots), room_(room) {
    for (std::uint32_t experts = 0; experts < std::uint32_t{1} << loads.size(); ++experts) {
      island_.push_back(island(experts));
    }
    fewest_.resize(island_.size(), -1);
  }

  int fewest(std::uint32_t experts) {
    if (experts == 0) {
      return 0;
    }
    if (fewest_[experts] >= 0) {
      return fewest_[experts];
    }
    const std::uint32_t last = std::bit_floor(experts);
    const std::uint32_t others = experts & ~last;
    int best = ranks_ + 1;
    for (std::uint32_t with = others;; with = (with - 1) & others) {
      const int own = island_[with | last];
      if (own < best) {
        best = std::min(best, own + fewest(others & ~with));
      }
      if (with == 0) {
        break;
      }
    }
    return fewest_[experts] = best;
  }

 private:
  int island(std::uint32_t experts) const {
    double load = 0;
    for (std::size_t expert = 0; expert < loads_.size(); ++expert) {
      load += (experts >> expert & 1) != 0 ? loads_[expert] : 0;
    }
    for (int ranks = 1; ranks <= ranks_; ++ranks) {
      if (load <= ranks * room_ && std::popcount(experts) <= ranks * (slots_ - 1) + 1) {
        return ranks;
      }
    }
    return ranks_ + 1;
  }

  Loads loads_;
  int ranks_, slots_;
  double room_;
  std::vector<int> island_;  // ranks that a set needs as one island
  std::vector<int> fewest_;  // ranks that it needs in any islands; -1: not known yet
};

Recheck free_within(const Loads& loads, const std::vector<RankRoom>& ranks, int slots,
                    double time) {
  const RankRoom& room = ranks.front();
  const bool are_equal = std::all_of(ranks.begin(), ranks.end(), [&](const RankRoom& other) {
    return other.slots == room.slots && other.speed == room.speed;
  });
  const int count = static_cast<int>(ranks.size());
  if (!are_equal || slots != count * room.slots || loads.size() > 16) {
    return Recheck::kPossible;
  }
  Islands islands(loads, count, room.slots, time * room.speed);
  const auto all = static_cast<std::uint32_t>((std::uint64_t{1} << loads.size()) - 1);
  return islands.fewest(all) > count ? Recheck::kImpossible : Recheck::kPossible;
}

/// Divides groups over nodes in every way that loads and slots allow.
class Divisions {
 public:
  Divisions(const PlacementProblem& problem, double time, std::int64_t steps)
      : problem_(problem), time_(time), steps_(steps) {
    ranks_per_node_ = problem.ranks.size() / static_cast<std::size_t>(problem.nodes);
    for (int node = 0; node < problem.nodes; ++node) {
      const auto first =
          problem.ranks.begin() + static_cast<std::ptrdiff_t>(node * ranks_per_node_);
      Node& own = nodes_.emplace_back();
      own.ranks.assign(first, first + static_cast<std::ptrdiff_t>(ranks_per_node_));
      for (const RankRoom& rank : own.ranks) {
        own.slots += rank.slots;
        own.speed += rank.speed;
      }
      own.slots = std::min(own.slots, problem.slots / problem.nodes);
    }
    for (Node& node : nodes_) {
      node.loads.resize(problem.windows.size());
      speed_ += node.speed;
    }
    order_.resize(problem.windows.front().size() / static_cast<std::size_t>(problem.group));
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::stable_sort(order_.begin(), order_.end(),
                     [&](std::size_t a, std::size_t b) { return load_of(a) > load_of(b); });
  }

  enum class Nodes { kByLoad, kByPlacement };

  Recheck any(Nodes nodes) {
    const bool is_possible = place(0, nodes);
    return is_possible    ? Recheck::kPossible
           : is_too_long_ ? Recheck::kTooLong
                          : Recheck::kImpossible;
  }

 private:
  struct Node {
    std::vector<RankRoom> ranks;
    int slots = 0;
    double speed = 0;
    Loads loads;  // (windows)
    std::vector<std::size_t> groups;
  };

  double load_of(std::size_t group, const Loads& window) const {
    const auto size = static_cast<std::ptrdiff_t>(problem_.group);
    const auto first = window.begin() + static_cast<std::ptrdiff_t>(group) * size;
    return std::accumulate(first, first + size, 0.0);
  }
  double load_of(std::size_t group) const {
    double load = 0;
    for (const Loads& window : problem_.windows) {
      load += load_of(group, window);
    }
    return load;
  }

  void add(Node& node, std::size_t group) const {
    for (std::size_t window = 0; window < node.loads.size(); ++window) {
      node.loads[window] += load_of(group, problem_.windows[window]);
    }
  }

  /// Whether the slowest nodes of all windows together take longer than they may.
  bool takes_too_long() const {
    double sum = 0;
    for (std::size_t window = 0; window < problem_.windows.size(); ++window) {
      const Loads& loads = problem_.windows[window];
      double slowest = problem_.windows.size() > 1
                           ? std::accumulate(loads.begin(), loads.end(), 0.0) / speed_
                           : 0;
      for (const Node& node : nodes_) {
        slowest = std::max(slowest, node.loads[window] / node.speed);
      }
      sum += slowest;
    }
    return sum > time_ * static_cast<double>(problem_.windows.size()) * (1 + 1e-12);
  }

  bool place(std::size_t at, Nodes how) {
    if (--steps_ < 0) {
      is_too_long_ = true;
      return false;
    }
    if (at == order_.size()) {
      return how == Nodes::kByLoad ||
             std::all_of(nodes_.begin(), nodes_.end(),
                         [&](const Node& node) { return is_possible(node); });
    }
    for (Node& node : nodes_) {
      const auto held =
          static_cast<int>((node.groups.size() + 1) * static_cast<std::size_t>(problem_.group));
      if (held > node.slots || is_second_empty(node)) {
        continue;
      }
      const Loads before = node.loads;
      add(node, order_[at]);
      node.groups.push_back(order_[at]);
      const bool found = !takes_too_long() && place(at + 1, how);
      node.groups.pop_back();
      node.loads = before;
      if (found) {
        return true;
      }
    }
    return false;
  }

  /// Whether an empty node before this one has the same ranks.
  bool is_second_empty(const Node& node) const {
    for (const Node& other : nodes_) {
      if (&other == &node) {
        return false;
      }
      const bool are_alike = std::equal(node.ranks.begin(), node.ranks.end(), other.ranks.begin(),
                                        [](const RankRoom& a, const RankRoom& b) {
                                          return a.slots == b.slots && a.speed == b.speed;
                                        });
      if (are_alike && other.groups.empty() && node.groups.empty()) {
        return true;
      }
    }
    return false;
  }

  bool is_possible(const Node& node) {
    Loads loads;
    for (const std::size_t group : node.groups) {
      const auto first =
          problem_.windows.front().begin() + static_cast<std::ptrdiff_t>(group) * problem_.group;
      loads.insert(loads.end(), first, first + problem_.group);
    }
    std::vector<double> key = loads;
    for (const RankRoom& rank : node.ranks) {
      key.insert(key.end(), {static_cast<double>(rank.slots), rank.speed});
    }
    const auto [known, is_new] = known_.try_emplace(key, Recheck::kPossible);
    if (is_new && !loads.empty()) {
      known->second = problem_.shares == SharePolicy::kEqual
                          ? equal_within({loads}, node.ranks, node.slots, time_, steps_)
                          : free_within(loads, node.ranks, node.slots, time_);
      is_too_long_ = is_too_long_ || known->second == Recheck::kTooLong;
    }
    return known->second == Recheck::kPossible;
  }

  const PlacementProblem& problem_;
  double time_;
  std::int64_t steps_;
  std::size_t ranks_per_node_ = 0;
  double speed_ = 0;
  std::vector<std::size_t> order_;  // groups, the heaviest first
  std::vector<Node> nodes_;
  std::map<std::vector<double>, Recheck> known_;
  bool is_too_long_ = false;
};

}  // namespace

Recheck placements_within(const PlacementProblem& problem, double time, std::int64_t steps) {
  const bool is_single = problem.windows.size() == 1;
  if (problem.group > 0 && problem.nodes > 1) {
    return is_single ? Divisions(problem, time, steps).any(Divisions::Nodes::kByPlacement)
                     : Recheck::kPossible;
  }
  if (problem.shares == SharePolicy::kEqual) {
    return equal_within(problem.windows, problem.ranks, problem.slots, time, steps);
  }
  return is_single ? free_within(problem.windows.front(), problem.ranks, problem.slots, time)
                   : Recheck::kPossible;
}

Recheck groups_fit(const PlacementProblem& problem, double time, std::int64_t steps) {
  if (problem.group == 0 || problem.nodes < 2) {
    return Recheck::kPossible;
  }
  return Divisions(problem, time, steps).any(Divisions::Nodes::kByLoad);
}

}  // namespace bam
