#include "tests/planner/reference.h"

#include <algorithm>
#include <numeric>

namespace bam {
namespace {

std::vector<std::size_t> heaviest_first(const std::vector<double>& loads) {
  std::vector<std::size_t> order(loads.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return loads[a] > loads[b]; });
  return order;
}

std::vector<std::size_t> replicate(const std::vector<double>& loads, std::size_t slots,
                                   std::size_t ranks) {
  std::vector<std::size_t> copies(loads.size(), 1);
  for (std::size_t used = loads.size(); used < slots; ++used) {
    std::size_t hottest = loads.size();
    for (std::size_t expert = 0; expert < loads.size(); ++expert) {
      if (copies[expert] < ranks &&
          (hottest == loads.size() || loads[expert] / static_cast<double>(copies[expert]) >
                                          loads[hottest] / static_cast<double>(copies[hottest]))) {
        hottest = expert;
      }
    }
    if (hottest == loads.size()) {
      break;
    }
    ++copies[hottest];
  }
  return copies;
}

}  // namespace

double GreedyReference::on_ranks(const Loads& loads, std::size_t first_rank,
                                 std::size_t ranks) const {
  const auto per_rank = static_cast<std::size_t>(problem_.slots) / problem_.ranks.size();
  const auto copies = replicate(loads, per_rank * ranks, ranks);
  Loads pieces;
  std::vector<std::size_t> owner;
  for (const std::size_t expert : heaviest_first(loads)) {
    for (std::size_t copy = 0; copy < copies[expert]; ++copy) {
      pieces.push_back(loads[expert] / static_cast<double>(copies[expert]));
      owner.push_back(expert);
    }
  }
  std::vector<std::vector<std::size_t>> held(ranks);
  std::vector<std::vector<std::size_t>> homes(loads.size());
  Loads times(ranks);
  for (const std::size_t piece : heaviest_first(pieces)) {
    std::size_t best = ranks;
    for (std::size_t rank = 0; rank < ranks; ++rank) {
      const bool is_there = std::count(held[rank].begin(), held[rank].end(), owner[piece]) > 0;
      const bool has_room = held[rank].size() < per_rank;
      if (has_room && !is_there && (best == ranks || times[rank] < times[best])) {
        best = rank;
      }
    }
    if (best == ranks) {
      continue;
    }
    held[best].push_back(owner[piece]);
    homes[owner[piece]].push_back(best);
    times[best] += pieces[piece] / problem_.ranks[first_rank + best].speed;
  }
  Loads final_times(ranks);
  for (std::size_t expert = 0; expert < loads.size(); ++expert) {
    if (homes[expert].empty()) {
      return -1;
    }
    for (const std::size_t rank : homes[expert]) {
      final_times[rank] += loads[expert] / static_cast<double>(homes[expert].size()) /
                           problem_.ranks[first_rank + rank].speed;
    }
  }
  return *std::max_element(final_times.begin(), final_times.end());
}

std::vector<std::vector<std::size_t>> GreedyReference::groups_on_nodes() const {
  const Loads& loads = problem_.windows.front();
  const auto size = static_cast<std::size_t>(problem_.group);
  const auto nodes = static_cast<std::size_t>(problem_.nodes);
  Loads groups(loads.size() / size);
  for (std::size_t expert = 0; expert < loads.size(); ++expert) {
    groups[expert / size] += loads[expert];
  }
  std::vector<std::vector<std::size_t>> on_node(nodes);
  Loads sums(nodes);
  for (const std::size_t group : heaviest_first(groups)) {
    std::size_t best = nodes;
    for (std::size_t node = 0; node < nodes; ++node) {
      if (on_node[node].size() < groups.size() / nodes &&
          (best == nodes || sums[node] < sums[best])) {
        best = node;
      }
    }
    on_node[best].push_back(group);
    sums[best] += groups[group];
  }
  return on_node;
}

double GreedyReference::worst() const {
  const Loads& loads = problem_.windows.front();
  if (!problem_.is_node_limited()) {
    return on_ranks(loads, 0, problem_.ranks.size());
  }
  const auto ranks = problem_.ranks.size() / static_cast<std::size_t>(problem_.nodes);
  const auto on_node = groups_on_nodes();
  double worst = 0;
  for (std::size_t node = 0; node < on_node.size(); ++node) {
    Loads own;
    for (const std::size_t group : on_node[node]) {
      const auto begin = loads.begin() + static_cast<std::ptrdiff_t>(group) * problem_.group;
      own.insert(own.end(), begin, begin + problem_.group);
    }
    const double time = on_ranks(own, node * ranks, ranks);
    if (time < 0) {
      return -1;
    }
    worst = std::max(worst, time);
  }
  return worst;
}

}  // namespace bam
