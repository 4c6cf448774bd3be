#include "launch/plan_explanation.h"

#include <algorithm>
#include <cstdio>
#include <ostream>
#include <string>
#include <vector>

#include "launch/plan_report.h"

namespace bam {
namespace {

using nlohmann::json;

/// Up to this gap all ranks are about as busy as each other.
constexpr double kNearlyEven = 0.01;
/// Times are the same to within this part.
constexpr double kSame = 1e-9;

/// "a3" or "f3": the expert as the plan counts it; with its share where it has copies.
std::string expert_name(int expert, int attention, double share) {
  const bool is_attention = expert < attention;
  std::string name =
      (is_attention ? "a" : "f") + std::to_string(is_attention ? expert : expert - attention);
  if (share < 1) {
    char text[32];
    std::snprintf(text, sizeof(text), "(%.3g)", share);
    name += text;
  }
  return name;
}

/// What each rank holds.
std::vector<std::vector<std::string>> contents_of(const ModelPlan& plan, const LayerPlan& layer) {
  std::vector<std::vector<std::string>> contents(plan.terms.ranks.size());
  for (int e = 0; e < static_cast<int>(layer.experts.size()); ++e) {
    for (const Replica& replica : layer.experts[static_cast<std::size_t>(e)]) {
      contents[static_cast<std::size_t>(replica.rank)].push_back(
          expert_name(e, plan.attention_experts(), replica.share));
    }
  }
  return contents;
}

std::string binding_sentence(const Certificate& certificate, const ModelPlan& plan) {
  switch (certificate.binding) {
    case Binding::kHottest:
      return "the hottest expert binds: its load cannot be divided over more ranks";
    case Binding::kMemory:
      return "memory binds: more than " + std::to_string(plan.terms.slots) +
             " slots would let hot experts be divided further";
    case Binding::kNodeLimit:
      return "the node limit binds: groups of " + std::to_string(plan.terms.group) +
             " experts do not divide any better over " + std::to_string(plan.terms.nodes) +
             " nodes";
    case Binding::kMoves:
      return "the limit on moves binds: with more copies moved the slowest rank would be faster";
    default:
      return certificate.gap() <= kNearlyEven
                 ? "the mean binds: all ranks are nearly as busy as each other"
                 : "not known what binds: no better bound than the mean over ranks was found, "
                   "and no placement nearer to it";
  }
}

/// In how many windows each rank is the slowest.
std::vector<int> slowest_windows(const LayerPlan& layer, const PlacementProblem& problem) {
  std::vector<int> windows(problem.ranks.size());
  for (int window = 0; window < problem.window_count(); ++window) {
    const std::vector<double> times = rank_times(layer, problem, window);
    const double worst = *std::max_element(times.begin(), times.end());
    for (std::size_t rank = 0; rank < times.size(); ++rank) {
      windows[rank] += times[rank] >= worst * (1 - kSame) ? 1 : 0;
    }
  }
  return windows;
}

json ranks_json(const ModelPlan& plan, const LayerPlan& placed, const PlacementProblem& problem) {
  const auto loads = mean_rank_loads(placed, problem);
  const auto slowest = slowest_windows(placed, problem);
  const auto contents = contents_of(plan, placed);
  const double worst = worst_time(placed, problem);
  json ranks = json::array();
  for (std::size_t rank = 0; rank < loads.size(); ++rank) {
    ranks.push_back({{"rank", rank},
                     {"load", loads[rank]},
                     {"of_slowest", worst > 0 ? loads[rank] / worst : 0},
                     {"slowest_in", slowest[rank]},
                     {"experts", contents[rank]}});
  }
  return ranks;
}

/// Null unless with experts dealt round-robin the slowest rank would be faster.
json round_robin_json(const ModelPlan& plan, std::size_t layer, const PlacementProblem& problem) {
  const LayerPlan dealt = dealt_round_robin(plan.terms, plan.loads[layer]);
  const double worst = worst_time(dealt, problem);
  if (worst >= worst_time(plan.layers[layer], problem) * (1 - kSame)) {
    return nullptr;
  }
  return {{"worst", worst}, {"is_allowed", is_allowed(dealt, problem)}};
}

void print_round_robin(const json& faster, std::ostream& out) {
  if (faster.is_null()) {
    return;
  }
  char text[128];
  std::snprintf(text, sizeof(text),
                "slower than experts dealt round-robin, whose slowest rank is at %.6g",
                faster["worst"].get<double>());
  out << text
      << (faster["is_allowed"].get<bool>() ? "" : ", which the plan's slots and groups forbid")
      << "\n";
}

void print_rank(const json& rank, bool has_windows, std::ostream& out) {
  char text[80];
  std::snprintf(text, sizeof(text), "%5d  %10.6g  %8.1f %% ", rank["rank"].get<int>(),
                rank["load"].get<double>(), 100 * rank["of_slowest"].get<double>());
  out << text;
  if (has_windows) {
    std::snprintf(text, sizeof(text), " %10d ", rank["slowest_in"].get<int>());
    out << text;
  }
  for (const json& expert : rank["experts"]) {
    out << " " << expert.get<std::string>();
  }
  out << "\n";
}

}  // namespace

json plan_explanation(const ModelPlan& plan, std::size_t layer) {
  const LayerPlan& placed = plan.layers[layer];
  const PlacementProblem problem = joint_problem(plan.terms, plan.loads[layer]);
  return {{"layer", layer},
          {"windows", problem.window_count()},
          {"worst", placed.certificate.worst},
          {"bound", placed.certificate.bound},
          {"gap", placed.certificate.gap()},
          {"binds", name_of(placed.certificate.binding)},
          {"proof", name_of(placed.certificate.proof)},
          {"because", binding_sentence(placed.certificate, plan)},
          {"faster_round_robin", round_robin_json(plan, layer, problem)},
          {"ranks", ranks_json(plan, placed, problem)}};
}

void print_explanation(const json& layer, std::ostream& out) {
  const int windows = layer["windows"].get<int>();
  char text[160];
  std::snprintf(text, sizeof(text), "layer %d: slowest rank %.6g", layer["layer"].get<int>(),
                layer["worst"].get<double>());
  out << text;
  if (windows > 1) {
    out << " (mean of the slowest of each of " << windows << " windows)";
  }
  std::snprintf(text, sizeof(text), ", bound %.6g (%s), %s\n", layer["bound"].get<double>(),
                layer["proof"].get<std::string>().c_str(),
                gap_text(layer["gap"].get<double>()).c_str());
  out << text << layer["because"].get<std::string>() << "\n";
  print_round_robin(layer["faster_round_robin"], out);
  out << (windows > 1 ? " rank   mean load  of slowest  slowest in  experts\n"
                      : " rank        load  of slowest  experts\n");
  for (const json& rank : layer["ranks"]) {
    print_rank(rank, windows > 1, out);
  }
}

}  // namespace bam
