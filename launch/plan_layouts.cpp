#include "launch/plan_layouts.h"

#include <iostream>
#include <optional>

#include "launch/command_line.h"
#include "launch/exit_codes.h"
#include "launch/layout_loads.h"
#include "launch/layout_report.h"
#include "runtime/check.h"

namespace bam {
namespace {

namespace options = boost::program_options;
using nlohmann::json;

struct Request {
  std::string config;
  std::string cluster;
  std::vector<std::string> changes;
  LayoutLoads loads;
  std::int64_t limit = 10;
  bool is_json = false;
};

void add_options(options::options_description& description, Request& request, const char* changes) {
  description.add_options()
      ("config", options::value(&request.config)->required(), "run config, or model config")
      ("cluster", options::value(&request.cluster)->required(),
       "dgx-h100, dgx-a100, hgx-h200, two-cores, or a file (bam plan calibrate writes them)")
      ("set", options::value(&request.changes)->composing(), changes)
      ("json", options::bool_switch(&request.is_json), "print JSON");
  add_load_options(description, request.loads);
}

std::vector<PricedLayout> ranked(const PlanInput& input, const Request& request) {
  return ranked_layouts(input.run, input.cluster,
                        holdings_under(request.loads, input, request.config));
}

/// The best layout; there is always one with a single micro-step.
json best_layout(const PlanInput& input, const Request& request) {
  return layout_json(ranked(input, request).front(), input);
}

void print_heading(const PlanInput& input, const Request& request, std::ostream& out) {
  out << input.cluster.name << ", " << input.cluster.nodes << " x " << input.cluster.ranks_per_node
      << " ranks; a step of " << input.run.sequences << " sequences of " << input.run.length
      << " tokens, " << (input.run.precision == Precision::kBFloat16 ? "bf16" : "fp32") << "\n"
      << text_of(request.loads)
      << "\nPredictions: docs/planning.md says from what, and what they leave out.\n\n";
}

}  // namespace

int plan_layouts(std::span<const std::string> arguments) {
  Request request;
  CommandLine line{.usage = "bam plan layouts CONFIG --cluster NAME [--set FIELD=VALUE]...",
                   .options = {},
                   .positional = {}};
  add_options(line.options, request, "override a field: --set cluster.nodes=64");
  line.options.add_options()
      ("limit", options::value(&request.limit)->default_value(10), "layouts to show; 0: all");
  line.positional.add("config", 1);
  if (!read_command_line(std::move(line), arguments)) {
    return kDone;
  }
  check_input(request.limit >= 0, "--limit: ", request.limit, " is negative");
  const PlanInput input = read_plan_input(request.config, request.cluster, request.changes);
  const std::vector<PricedLayout> layouts = ranked(input, request);
  json shown = json::array();
  for (const PricedLayout& layout : layouts) {
    if (request.limit == 0 || std::ssize(shown) < request.limit) {
      shown.push_back(layout_json(layout, input));
    }
  }
  if (request.is_json) {
    std::cout << json{{"cluster", input.cluster.name},
                      {"ranks", input.cluster.ranks()},
                      {"layouts", shown},
                      {"examined", layouts.size()}}
                     .dump(2)
              << "\n";
    return kDone;
  }
  print_heading(input, request, std::cout);
  print_layouts(shown, std::cout);
  std::cout << layouts.size() << " layouts examined\n";
  return kDone;
}

int plan_what_if(std::span<const std::string> arguments) {
  Request request;
  CommandLine line{.usage = "bam plan what-if CONFIG --cluster NAME --set FIELD=VALUE...",
                   .options = {},
                   .positional = {}};
  std::vector<std::string> given;
  add_options(line.options, request, "what would be otherwise: --set cluster.nodes=64");
  line.options.add_options()
      ("given", options::value(&given)->composing(), "a field that is so in both: FIELD=VALUE");
  line.positional.add("config", 1);
  if (!read_command_line(std::move(line), arguments)) {
    return kDone;
  }
  check_input(!request.changes.empty(), "--set: missing; what would be otherwise?");
  const PlanInput as_is = read_plan_input(request.config, request.cluster, given);
  std::vector<std::string> both = given;
  both.insert(both.end(), request.changes.begin(), request.changes.end());
  const PlanInput changed = read_plan_input(request.config, request.cluster, both);
  const json before = best_layout(as_is, request);
  const json after = best_layout(changed, request);
  if (request.is_json) {
    std::cout << json{{"as_it_is", before}, {"changed", after}}.dump(2) << "\n";
  } else {
    std::cout << "Predictions: the best layout as it is, and changed:";
    for (const std::string& change : request.changes) {
      std::cout << " " << change;
    }
    std::cout << "\n\n";
    print_comparison(before, after, std::cout);
  }
  return kDone;
}

}  // namespace bam
