#include "launch/plan_explain.h"

#include <iostream>

#include "io/plan_file.h"
#include "launch/command_line.h"
#include "launch/exit_codes.h"
#include "launch/plan_explanation.h"
#include "runtime/check.h"

namespace bam {

int plan_explain(std::span<const std::string> arguments) {
  namespace options = boost::program_options;
  std::string file;
  bool is_json = false;
  CommandLine line{.usage = "bam plan explain PLAN [--layer N]", .options = {}, .positional = {}};
  line.options.add_options()
      ("plan", options::value(&file)->required(),
       "plan that `bam plan place` wrote, or a checkpoint or run folder with one")
      ("layer", options::value<std::int64_t>(), "this layer alone (default: all)")
      ("json", options::bool_switch(&is_json), "print JSON");
  line.positional.add("plan", 1);
  const auto values = read_command_line(std::move(line), arguments);
  if (!values) {
    return kDone;
  }
  const ModelPlan plan = read_plan(file);
  const auto layers = static_cast<std::int64_t>(plan.layers.size());
  std::int64_t first = 0, end = layers;
  if (values->contains("layer")) {
    first = (*values)["layer"].as<std::int64_t>();
    check_input(first >= 0 && first < layers, "--layer: ", first,
                " where a whole number from 0 to ", layers - 1, " was expected");
    end = first + 1;
  }
  nlohmann::json all = nlohmann::json::array();
  for (std::int64_t layer = first; layer < end; ++layer) {
    all.push_back(plan_explanation(plan, static_cast<std::size_t>(layer)));
  }
  if (is_json) {
    std::cout << all.dump(2) << "\n";
    return kDone;
  }
  std::cout << "a: attention expert, f: FFN expert; (share) where there are copies\n";
  for (const nlohmann::json& each : all) {
    std::cout << "\n";
    print_explanation(each, std::cout);
  }
  return kDone;
}

}  // namespace bam
