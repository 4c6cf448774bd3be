#include "launch/plan_verify.h"

#include <iostream>
#include <optional>

#include "io/plan_file.h"
#include "io/run_config.h"
#include "launch/command_line.h"
#include "launch/exit_codes.h"
#include "launch/plan_loads.h"
#include "launch/plan_report.h"
#include "parallel/planner/verify/verifier.h"
#include "runtime/check.h"

namespace bam {
namespace {

namespace options = boost::program_options;
using nlohmann::json;

/// The plan's own loads, or those of files in their place.
void take_loads(const LoadSources& sources, const std::string& model_file, ModelPlan& plan) {
  std::optional<ModelConfig> model;
  if (!model_file.empty()) {
    model = read_model_config(model_file);
  }
  std::vector<LayerLoads> loads = read_layer_loads(sources, model);
  const LoadWindow& first = loads.front().front();
  check_input(loads.size() == plan.layers.size() &&
                  static_cast<int>(first.attention.size()) == plan.attention_experts() &&
                  static_cast<int>(first.attention.size() + first.ffn.size()) == plan.experts(),
              "--loads: ", loads.size(), " layers of ", first.attention.size(), " attention and ",
              first.ffn.size(), " FFN experts where the plan has ", plan.layers.size(), " of ",
              plan.attention_experts(), " and ", plan.experts() - plan.attention_experts());
  plan.loads = std::move(loads);
}

json checked_layer(const ModelPlan& plan, std::size_t layer) {
  const PlacementProblem problem = joint_problem(plan.terms, plan.loads[layer]);
  validate(problem);
  const Certificate& certificate = plan.layers[layer].certificate;
  return {{"layer", layer},
          {"worst", certificate.worst},
          {"bound", certificate.bound},
          {"gap", certificate.gap()},
          {"proof", name_of(certificate.proof)},
          {"faults", verify(plan.layers[layer], problem).faults}};
}

void print_layer(const json& layer, std::ostream& out) {
  out << "layer " << layer["layer"] << ": ";
  if (layer["faults"].empty()) {
    out << "holds, bound by " << layer["proof"].get<std::string>() << ", "
        << gap_text(layer["gap"].get<double>()) << "\n";
    return;
  }
  for (const json& fault : layer["faults"]) {
    out << (fault == layer["faults"].front() ? "" : "; ") << fault.get<std::string>();
  }
  out << "\n";
}

}  // namespace

int plan_verify(std::span<const std::string> arguments) {
  std::string file;
  std::string model;
  LoadSources sources;
  bool is_json = false;
  CommandLine line{
      .usage = "bam plan verify PLAN [--loads FILE...]", .options = {}, .positional = {}};
  line.options.add_options()
      ("plan", options::value(&file)->required(),
       "plan that `bam plan place` wrote, or a checkpoint or run folder with one")
      ("loads", options::value(&sources.ffn)->composing()->multitoken(),
       "check against these loads (default: those in the plan)")
      ("attention-loads", options::value(&sources.attention)->composing()->multitoken(),
       "the same of the attention experts")
      ("domain", options::value(&sources.domain),
       "of a routing trace, this domain's tokens alone; goes with --loads")
      ("model", options::value(&model), "run or model config, as it was given to place")
      ("json", options::bool_switch(&is_json), "print JSON");
  line.positional.add("plan", 1);
  if (!read_command_line(std::move(line), arguments)) {
    return kDone;
  }
  ModelPlan plan = read_plan(file);
  check_input(!sources.ffn.empty() || sources.attention.empty(),
              "--attention-loads: go with --loads");
  check_input(!sources.ffn.empty() || sources.domain.empty(), "--domain: goes with --loads");
  if (!sources.ffn.empty()) {
    take_loads(sources, model, plan);
  }
  json layers = json::array();
  std::size_t faulty = 0;
  for (std::size_t layer = 0; layer < plan.layers.size(); ++layer) {
    layers.push_back(checked_layer(plan, layer));
    faulty += layers.back()["faults"].empty() ? 0 : 1;
    if (!is_json) {
      print_layer(layers.back(), std::cout);
    }
  }
  if (is_json) {
    std::cout << json{{"plan", file}, {"layers", layers}, {"holds", faulty == 0}}.dump(2) << "\n";
  }
  std::cout << std::flush;
  check_input(faulty == 0, file, ": ", faulty, " of ", plan.layers.size(), " layers do not hold");
  return kDone;
}

}  // namespace bam
