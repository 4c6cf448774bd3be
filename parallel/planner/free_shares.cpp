#include "parallel/planner/free_shares.h"

#include <numeric>

#include "parallel/planner/flow.h"

namespace bam {
namespace {

constexpr double kRounding = 1e-13;  // of the whole load

/// Source -> experts -> ranks -> sink.
struct ShareNetwork {
  Flow flow;
  int source, sink;
  std::vector<std::vector<int>> to_rank;  // [expert][replica] edge
  std::vector<int> to_sink;               // [rank] edge

  ShareNetwork(const LayerPlan& plan, const std::vector<double>& loads, int ranks)
      : flow(static_cast<int>(loads.size()) + ranks + 2),
        source(static_cast<int>(loads.size()) + ranks),
        sink(source + 1) {
    const int experts = static_cast<int>(loads.size());
    for (int expert = 0; expert < experts; ++expert) {
      const double load = loads[static_cast<std::size_t>(expert)];
      flow.connect(source, expert, load);
      auto& edges = to_rank.emplace_back();
      for (const Replica& replica : plan.experts[static_cast<std::size_t>(expert)]) {
        edges.push_back(flow.connect(expert, experts + replica.rank, load));
      }
    }
    for (int rank = 0; rank < ranks; ++rank) {
      to_sink.push_back(flow.connect(experts + rank, sink, 0));
    }
  }
};

/// What holds the flow back: experts the source still reaches, over all the ranks they are on.
double bottleneck_time(const ShareNetwork& network, const std::vector<double>& loads,
                       const PlacementProblem& problem) {
  double load = 0;
  double speed = 0;
  const int experts = static_cast<int>(loads.size());
  for (int expert = 0; expert < experts; ++expert) {
    load += network.flow.reaches(expert) ? loads[static_cast<std::size_t>(expert)] : 0;
  }
  for (int rank = 0; rank < problem.rank_count(); ++rank) {
    speed += network.flow.reaches(experts + rank)
                 ? problem.ranks[static_cast<std::size_t>(rank)].speed
                 : 0;
  }
  return load / speed;
}

/// Raises the time from one bottleneck's to the next until all load flows.
void settle(ShareNetwork& network, const std::vector<double>& loads,
            const PlacementProblem& problem) {
  const double total = std::accumulate(loads.begin(), loads.end(), 0.0);
  double time = total / problem.total_speed();
  while (true) {
    for (std::size_t rank = 0; rank < network.to_sink.size(); ++rank) {
      network.flow.set_capacity(network.to_sink[rank], time * problem.ranks[rank].speed);
    }
    const double flow = network.flow.maximum(network.source, network.sink, kRounding * total);
    if (flow >= total * (1 - 1e-11)) {
      return;
    }
    const double next = bottleneck_time(network, loads, problem);
    time = next > time ? next : time * (1 + kRounding * 100);  // the rest is rounding
  }
}

}  // namespace

LayerPlan with_best_shares(const LayerPlan& plan, const PlacementProblem& problem) {
  const std::vector<double> loads = problem.mean_loads();
  ShareNetwork network(plan, loads, problem.rank_count());
  settle(network, loads, problem);
  LayerPlan best{{}, plan.certificate};
  for (std::size_t expert = 0; expert < loads.size(); ++expert) {
    const auto& old = plan.experts[expert];
    std::vector<Replica> replicas;
    double sum = 0;
    for (std::size_t i = 0; i < old.size() && loads[expert] > 0; ++i) {
      const double amount = network.flow.flow_of(network.to_rank[expert][i]);
      if (amount > 0) {
        replicas.push_back({old[i].rank, amount});
        sum += amount;
      }
    }
    for (Replica& replica : replicas) {
      replica.share /= sum;
    }
    best.experts.push_back(replicas.empty() ? std::vector<Replica>{{old.front().rank, 1.0}}
                                            : replicas);
  }
  return best;
}

}  // namespace bam
