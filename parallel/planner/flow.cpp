#include "parallel/planner/flow.h"

#include <algorithm>
#include <limits>
#include <queue>

namespace bam {

int Flow::connect(int from, int to, double capacity) {
  const int edge = static_cast<int>(edges_.size());
  edges_.push_back({to, capacity, capacity});
  edges_.push_back({from, 0, 0});
  edges_of_[static_cast<std::size_t>(from)].push_back(edge);
  edges_of_[static_cast<std::size_t>(to)].push_back(edge + 1);
  return edge;
}

void Flow::set_capacity(int edge, double capacity) {
  edges_[static_cast<std::size_t>(edge)].capacity = capacity;
}

double Flow::flow_of(int edge) const { return edges_[static_cast<std::size_t>(edge) + 1].left; }

double Flow::maximum(int source, int sink, double rounding) {
  for (Edge& edge : edges_) {
    edge.left = edge.capacity;
  }
  double flow = 0;
  while (find_levels(source, sink, rounding)) {
    next_.assign(edges_of_.size(), 0);
    double sent = 0;
    do {
      sent = push(source, sink, std::numeric_limits<double>::infinity(), rounding);
      flow += sent;
    } while (sent > rounding);
  }
  return flow;
}

bool Flow::find_levels(int source, int sink, double rounding) {
  level_.assign(edges_of_.size(), -1);
  level_[static_cast<std::size_t>(source)] = 0;
  std::queue<int> points({source});
  while (!points.empty()) {
    const auto from = static_cast<std::size_t>(points.front());
    points.pop();
    for (const int at : edges_of_[from]) {
      const Edge& edge = edges_[static_cast<std::size_t>(at)];
      int& level = level_[static_cast<std::size_t>(edge.to)];
      if (edge.left > rounding && level < 0) {
        level = level_[from] + 1;
        points.push(edge.to);
      }
    }
  }
  return level_[static_cast<std::size_t>(sink)] >= 0;
}

double Flow::push(int from, int sink, double most, double rounding) {
  if (from == sink) {
    return most;
  }
  const auto point = static_cast<std::size_t>(from);
  for (std::size_t& i = next_[point]; i < edges_of_[point].size(); ++i) {
    const auto at = static_cast<std::size_t>(edges_of_[point][i]);
    const int to = edges_[at].to;
    if (edges_[at].left <= rounding || level_[static_cast<std::size_t>(to)] != level_[point] + 1) {
      continue;
    }
    const double sent = push(to, sink, std::min(most, edges_[at].left), rounding);
    if (sent > rounding) {
      edges_[at].left -= sent;
      edges_[at ^ 1].left += sent;
      return sent;
    }
  }
  return 0;
}

}  // namespace bam
