#include "launch/plan_report.h"

#include <algorithm>
#include <cstdio>
#include <ostream>

#include "launch/text_table.h"
#include "runtime/check.h"

namespace bam {
namespace {

using nlohmann::json;

/// Gaps below this are rounding.
constexpr double kNoGap = 1e-9;

std::string line_of(const char* format, auto... values) {
  char text[256];
  std::snprintf(text, sizeof(text), format, values...);
  return text;
}

int replicas_of(const LayerPlan& layer) {
  int replicas = 0;
  for (const auto& expert : layer.experts) {
    replicas += static_cast<int>(expert.size());
  }
  return replicas;
}

json replicas_json(const std::vector<Replica>& replicas) {
  json out = json::array();
  for (const Replica& replica : replicas) {
    out.push_back({{"rank", replica.rank}, {"share", replica.share}});
  }
  return out;
}

struct Gaps {
  double mean = 0;
  double worst = 0;
  int proven = 0;
};

Gaps gaps_of(const ModelPlan& plan) {
  Gaps gaps;
  for (const LayerPlan& layer : plan.layers) {
    const double gap = layer.certificate.gap();
    gaps.mean += gap / static_cast<double>(plan.layers.size());
    gaps.worst = std::max(gaps.worst, gap);
    gaps.proven += gap <= kNoGap ? 1 : 0;
  }
  return gaps;
}

/// The slowest rank's load with experts dealt round-robin.
double dealt_time(const ModelPlan& plan, std::size_t layer) {
  return worst_time(dealt_round_robin(plan.terms, plan.loads[layer]),
                    joint_problem(plan.terms, plan.loads[layer]));
}

struct Totals {
  double planned = 0;  // slowest ranks' loads, summed over the layers
  double dealt = 0;
};

Totals totals_of(const ModelPlan& plan) {
  Totals totals;
  for (std::size_t layer = 0; layer < plan.layers.size(); ++layer) {
    totals.planned += plan.layers[layer].certificate.worst;
    totals.dealt += dealt_time(plan, layer);
  }
  return totals;
}

/// Layers that few moves or limits keep from being as fast as with experts dealt round-robin.
void print_slower_layers(const ModelPlan& plan, std::ostream& out) {
  std::string layers;
  for (std::size_t layer = 0; layer < plan.layers.size(); ++layer) {
    if (plan.layers[layer].certificate.worst > dealt_time(plan, layer) * (1 + kNoGap)) {
      layers += (layers.empty() ? "" : ", ") + std::to_string(layer);
    }
  }
  if (!layers.empty()) {
    out << "slower than round-robin: layers " << layers << "\n";
  }
}

void print_layer(const ModelPlan& plan, std::size_t layer, std::ostream& out) {
  const Certificate& found = plan.layers[layer].certificate;
  out << line_of("%5zu  %12.6g  %12.6g  %8s  %-14s  %8d  %12.6g\n", layer, found.worst, found.bound,
                 gap_text(found.gap()).c_str(), std::string(name_of(found.binding)).c_str(),
                 replicas_of(plan.layers[layer]), dealt_time(plan, layer));
}

}  // namespace

std::string gap_text(double gap) {
  return gap <= kNoGap ? "proven" : line_of("%.2f %%", 100 * gap);
}

std::string_view name_of(Proof proof) {
  switch (proof) {
    case Proof::kMean:
      return "all load over all speed";
    case Proof::kSlots:
      return "slots";
    case Proof::kCrowding:
      return "hot replicas crowd their ranks";
    case Proof::kNodes:
      return "groups over nodes";
    case Proof::kWindows:
      return "each window by itself";
    case Proof::kSearch:
      return "exhaustive search";
    case Proof::kMeanSearch:
      return "exhaustive search of the windows' mean";
  }
  return "?";
}

std::vector<double> mean_rank_loads(const LayerPlan& layer, const PlacementProblem& problem) {
  std::vector<double> means(problem.ranks.size());
  for (int window = 0; window < problem.window_count(); ++window) {
    const std::vector<double> times = rank_times(layer, problem, window);
    for (std::size_t rank = 0; rank < means.size(); ++rank) {
      means[rank] += times[rank] / problem.window_count();
    }
  }
  return means;
}

void print_plan(const ModelPlan& plan, std::ostream& out) {
  const int attention = plan.attention_experts();
  out << plan.layers.size() << (plan.layers.size() == 1 ? " layer, " : " layers, ");
  if (attention > 0) {
    out << attention << " attention and ";
  }
  out << plan.experts() - attention << " FFN experts, " << plan.terms.ranks.size() << " ranks on "
      << plan.terms.nodes << (plan.terms.nodes == 1 ? " node, " : " nodes, ") << plan.terms.slots
      << " slots, " << plan.loads.front().size()
      << (plan.loads.front().size() == 1 ? " window\n" : " windows\n");
  if (attention > 0) {
    out << "load: tokens at FFN experts; a token at an attention expert counts "
        << line_of("%.3g", plan.terms.costs.attention / plan.terms.costs.ffn) << "\n";
  }
  out << "\nlayer  slowest rank   lower bound       gap  binds             copies   round-robin\n";
  for (std::size_t layer = 0; layer < plan.layers.size(); ++layer) {
    print_layer(plan, layer, out);
  }
  const Gaps gaps = gaps_of(plan);
  const Totals totals = totals_of(plan);
  out << line_of(
      "\n%d of %zu layers proven optimal; gap %.2f %% mean, %.2f %% worst; "
      "slowest ranks carry %.1f %% of what they do round-robin\n",
      gaps.proven, plan.layers.size(), 100 * gaps.mean, 100 * gaps.worst,
      100 * totals.planned / totals.dealt);
  print_slower_layers(plan, out);
}

json plan_json(const ModelPlan& plan) {
  const int attention = plan.attention_experts();
  const Gaps gaps = gaps_of(plan);
  json out = {{"ranks", plan.terms.ranks.size()},
              {"slots", plan.terms.slots},
              {"nodes", plan.terms.nodes},
              {"attention_experts", attention},
              {"ffn_experts", plan.experts() - attention},
              {"mean_gap", gaps.mean},
              {"worst_gap", gaps.worst},
              {"layers", json::array()}};
  for (std::size_t layer = 0; layer < plan.layers.size(); ++layer) {
    const LayerPlan& placed = plan.layers[layer];
    const PlacementProblem problem = joint_problem(plan.terms, plan.loads[layer]);
    json entry = {{"layer", layer},
                  {"worst", placed.certificate.worst},
                  {"bound", placed.certificate.bound},
                  {"gap", placed.certificate.gap()},
                  {"binds", name_of(placed.certificate.binding)},
                  {"proof", name_of(placed.certificate.proof)},
                  {"round_robin", dealt_time(plan, layer)},
                  {"rank_loads", mean_rank_loads(placed, problem)},
                  {"attention", json::array()},
                  {"ffn", json::array()}};
    for (int e = 0; e < static_cast<int>(placed.experts.size()); ++e) {
      entry[e < attention ? "attention" : "ffn"].push_back(
          replicas_json(placed.experts[static_cast<std::size_t>(e)]));
    }
    out["layers"].push_back(std::move(entry));
  }
  return out;
}

}  // namespace bam
