#pragma once

#include <vector>

namespace bam {

/// A flow network: capacities on directed edges between numbered points (Dinic's algorithm).
class Flow {
 public:
  explicit Flow(int points) : edges_of_(static_cast<std::size_t>(points)) {}

  /// Adds an edge and returns its number.
  int connect(int from, int to, double capacity);
  void set_capacity(int edge, double capacity);
  /// The largest flow from source to sink; amounts up to `rounding` are taken for none.
  double maximum(int source, int sink, double rounding);
  double flow_of(int edge) const;
  /// After `maximum`: whether the source could still send something there.
  bool reaches(int point) const { return level_[static_cast<std::size_t>(point)] >= 0; }

 private:
  struct Edge {
    int to;
    double capacity;
    double left;
  };
  bool find_levels(int source, int sink, double rounding);
  double push(int from, int sink, double most, double rounding);

  std::vector<Edge> edges_;  // an edge and its reverse, one after the other
  std::vector<std::vector<int>> edges_of_;
  std::vector<int> level_;
  std::vector<std::size_t> next_;
};

}  // namespace bam
