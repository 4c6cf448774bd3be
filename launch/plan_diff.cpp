#include "launch/plan_diff.h"

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

void check_comparable(const ModelPlan& before, const ModelPlan& after) {
  check_input(before.layers.size() == after.layers.size() &&
                  before.attention_experts() == after.attention_experts() &&
                  before.experts() == after.experts(),
              "the plans are of different models: ", before.layers.size(), " layers of ",
              before.attention_experts(), " attention experts and ", before.experts(),
              " experts in all against ", after.layers.size(), " of ", after.attention_experts(),
              " and ", after.experts());
  check_input(before.terms.ranks.size() == after.terms.ranks.size(), "the plans are for ",
              before.terms.ranks.size(), " and ", after.terms.ranks.size(), " ranks");
}

int replicas_of(const LayerPlan& layer) {
  int count = 0;
  for (const auto& expert : layer.experts) {
    count += static_cast<int>(expert.size());
  }
  return count;
}

/// Both placements against the loads that the second was made for.
json difference(const ModelPlan& before, const ModelPlan& after, std::size_t layer) {
  const PlacementProblem problem = joint_problem(after.terms, after.loads[layer]);
  json moved = json::array();
  for (int e = 0; e < after.experts(); ++e) {
    const auto& old = before.layers[layer].experts[static_cast<std::size_t>(e)];
    const int attention = after.attention_experts();
    for (const Replica& replica : after.layers[layer].experts[static_cast<std::size_t>(e)]) {
      const auto is_there = [&](const Replica& other) { return other.rank == replica.rank; };
      if (std::none_of(old.begin(), old.end(), is_there)) {
        moved.push_back({{"kind", e < attention ? "attention" : "ffn"},
                         {"expert", e < attention ? e : e - attention},
                         {"from", old.front().rank},
                         {"to", replica.rank}});
      }
    }
  }
  return {{"layer", layer},
          {"worst_before", worst_time(before.layers[layer], problem)},
          {"worst_after", worst_time(after.layers[layer], problem)},
          {"replicas_before", replicas_of(before.layers[layer])},
          {"replicas_after", replicas_of(after.layers[layer])},
          {"moved", std::move(moved)}};
}

void print_difference(const json& difference, std::ostream& out) {
  const json& layers = difference["layers"];
  char text[160];
  std::size_t moved = 0;
  double before = 0, after = 0;
  out << "A: " << difference["before"].get<std::string>()
      << "\nB: " << difference["after"].get<std::string>()
      << "\nslowest ranks of both under the loads that B was made for\n\n"
      << "layer  slowest in A          in B   copies   sent\n";
  for (const json& layer : layers) {
    moved += layer["moved"].size();
    before += layer["worst_before"].get<double>();
    after += layer["worst_after"].get<double>();
    std::snprintf(text, sizeof(text), "%5d  %12.6g  %12.6g  %3d>%-3d  %5zu\n",
                  layer["layer"].get<int>(), layer["worst_before"].get<double>(),
                  layer["worst_after"].get<double>(), layer["replicas_before"].get<int>(),
                  layer["replicas_after"].get<int>(), layer["moved"].size());
    out << text;
  }
  std::snprintf(
      text, sizeof(text),
      "\ngoing from A to B sends %zu copies to ranks that have none; slowest ranks carry %.1f %% "
      "of what they do in A\n",
      moved, 100 * after / before);
  out << text;
}

}  // namespace

int plan_diff(std::span<const std::string> arguments) {
  std::vector<std::string> files;
  bool is_json = false;
  CommandLine line{.usage = "bam plan diff A B", .options = {}, .positional = {}};
  line.options.add_options()
      ("plans", options::value(&files), "A: the plan that holds; B: the one to go over to")
      ("json", options::bool_switch(&is_json), "print JSON");
  line.positional.add("plans", -1);
  const auto values = read_command_line(std::move(line), arguments);
  if (!values) {
    return kDone;
  }
  check_input(files.size() == 2, "usage: bam plan diff A B");
  const ModelPlan before = read_plan(files[0]);
  const ModelPlan after = read_plan(files[1]);
  check_comparable(before, after);
  json layers = json::array();
  for (std::size_t layer = 0; layer < after.layers.size(); ++layer) {
    layers.push_back(difference(before, after, layer));
  }
  const json found = {{"before", files[0]}, {"after", files[1]}, {"layers", layers}};
  if (is_json) {
    std::cout << found.dump(2) << "\n";
  } else {
    print_difference(found, std::cout);
  }
  return kDone;
}

}  // namespace bam
