#include "launch/plan_explain.h"

#include <algorithm>
#include <cstdio>
#include <iostream>

#include "io/plan_file.h"
#include "launch/command_line.h"
#include "launch/exit_codes.h"
#include "launch/plan_report.h"
#include "runtime/check.h"

namespace bam {
namespace {

namespace options = boost::program_options;
using nlohmann::json;

constexpr std::int64_t kNoLayer = -1;
/// Up to this gap all ranks are about as busy as each other.
constexpr double kNearlyEven = 0.01;

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

json explained(const ModelPlan& plan, std::size_t layer) {
  const LayerPlan& placed = plan.layers[layer];
  const auto loads = mean_rank_loads(placed, joint_problem(plan.terms, plan.loads[layer]));
  const auto contents = contents_of(plan, placed);
  json ranks = json::array();
  for (std::size_t rank = 0; rank < loads.size(); ++rank) {
    ranks.push_back({{"rank", rank}, {"load", loads[rank]}, {"experts", contents[rank]}});
  }
  return {{"layer", layer},
          {"worst", placed.certificate.worst},
          {"bound", placed.certificate.bound},
          {"gap", placed.certificate.gap()},
          {"binds", name_of(placed.certificate.binding)},
          {"proof", name_of(placed.certificate.proof)},
          {"because", binding_sentence(placed.certificate, plan)},
          {"ranks", std::move(ranks)}};
}

void print_layer(const json& layer, std::ostream& out) {
  char text[160];
  std::snprintf(text, sizeof(text), "layer %d: slowest rank %.6g, bound %.6g (%s), %s\n",
                layer["layer"].get<int>(), layer["worst"].get<double>(),
                layer["bound"].get<double>(), layer["proof"].get<std::string>().c_str(),
                gap_text(layer["gap"].get<double>()).c_str());
  out << text << layer["because"].get<std::string>()
      << "\n rank        load  of slowest  experts\n";
  double slowest = 0;
  for (const json& rank : layer["ranks"]) {
    slowest = std::max(slowest, rank["load"].get<double>());
  }
  for (const json& rank : layer["ranks"]) {
    const double load = rank["load"].get<double>();
    std::snprintf(text, sizeof(text), "%5d  %10.6g  %8.1f %% ", rank["rank"].get<int>(), load,
                  slowest > 0 ? 100 * load / slowest : 0);
    out << text;
    for (const json& expert : rank["experts"]) {
      out << " " << expert.get<std::string>();
    }
    out << "\n";
  }
}

}  // namespace

int plan_explain(std::span<const std::string> arguments) {
  std::string file;
  std::int64_t layer = kNoLayer;
  bool is_json = false;
  CommandLine line{.usage = "bam plan explain PLAN [--layer N]", .options = {}, .positional = {}};
  line.options.add_options()
      ("plan", options::value(&file)->required(),
       "plan that `bam plan place` wrote, or a checkpoint or run folder with one")
      ("layer", options::value(&layer)->default_value(kNoLayer, "all"), "this layer alone")
      ("json", options::bool_switch(&is_json), "print JSON");
  line.positional.add("plan", 1);
  if (!read_command_line(std::move(line), arguments)) {
    return kDone;
  }
  const ModelPlan plan = read_plan(file);
  const auto layers = static_cast<std::int64_t>(plan.layers.size());
  check_input(layer >= kNoLayer && layer < layers, "--layer: ", layer, " of ", layers);
  json all = json::array();
  for (std::int64_t l = 0; l < layers; ++l) {
    if (layer == kNoLayer || layer == l) {
      all.push_back(explained(plan, static_cast<std::size_t>(l)));
    }
  }
  if (is_json) {
    std::cout << all.dump(2) << "\n";
    return kDone;
  }
  std::cout << "a: attention expert, f: FFN expert; (share) where there are copies\n";
  for (const json& each : all) {
    std::cout << "\n";
    print_layer(each, std::cout);
  }
  return kDone;
}

}  // namespace bam
