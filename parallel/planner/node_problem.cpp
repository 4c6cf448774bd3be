#include "parallel/planner/node_problem.h"

#include <algorithm>

namespace bam {

PlacementProblem NodeProblem::packing() const {
  PlacementProblem packing;
  for (const auto& loads : whole_.windows) {
    auto& sums = packing.windows.emplace_back(static_cast<std::size_t>(groups()));
    for (std::size_t expert = 0; expert < loads.size(); ++expert) {
      sums[expert / static_cast<std::size_t>(whole_.group)] += loads[expert];
    }
  }
  for (int node = 0; node < nodes(); ++node) {
    RankRoom room{0, 0};
    for (int rank = node * ranks_per_node(); rank < (node + 1) * ranks_per_node(); ++rank) {
      room.slots += whole_.ranks[static_cast<std::size_t>(rank)].slots;
      room.speed += whole_.ranks[static_cast<std::size_t>(rank)].speed;
    }
    room.slots = std::min(room.slots, slots_per_node()) / whole_.group;
    packing.ranks.push_back(room);
  }
  packing.slots = groups();
  return packing;
}

PlacementProblem NodeProblem::on_node(int node, const std::vector<int>& groups) const {
  PlacementProblem part;
  part.shares = whole_.shares;
  for (const auto& loads : whole_.windows) {
    auto& own = part.windows.emplace_back();
    for (const int group : groups) {
      const auto begin = loads.begin() + group * whole_.group;
      own.insert(own.end(), begin, begin + whole_.group);
    }
  }
  const auto begin = whole_.ranks.begin() + node * ranks_per_node();
  part.ranks.assign(begin, begin + ranks_per_node());
  for (const RankRoom& room : part.ranks) {
    part.slots += room.slots;
  }
  part.slots = std::min(part.slots, slots_per_node());
  return part;
}

bool NodeProblem::are_alike(int node, int other) const {
  const auto begin = whole_.ranks.begin();
  return std::equal(begin + node * ranks_per_node(), begin + (node + 1) * ranks_per_node(),
                    begin + other * ranks_per_node(), [](const RankRoom& a, const RankRoom& b) {
                      return a.slots == b.slots && a.speed == b.speed;
                    });
}

void NodeProblem::add(const LayerPlan& part, int node, const std::vector<int>& groups,
                      LayerPlan& plan) const {
  plan.experts.resize(static_cast<std::size_t>(whole_.experts()));
  for (std::size_t i = 0; i < part.experts.size(); ++i) {
    const auto group = static_cast<std::size_t>(groups[i / static_cast<std::size_t>(whole_.group)]);
    const std::size_t expert =
        group * static_cast<std::size_t>(whole_.group) + i % static_cast<std::size_t>(whole_.group);
    for (const Replica& replica : part.experts[i]) {
      plan.experts[expert].push_back({node * ranks_per_node() + replica.rank, replica.share});
    }
  }
}

}  // namespace bam
