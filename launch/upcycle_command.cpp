#include "launch/upcycle_command.h"

#include <iostream>
#include <vector>

#include "io/text_proto.h"
#include "io/upcycle_checkpoint.h"
#include "launch/command_line.h"
#include "launch/exit_codes.h"
#include "runtime/check.h"

namespace bam {

int upcycle_command(std::span<const std::string> arguments) {
  namespace options = boost::program_options;
  std::string config;
  std::vector<std::string> parents;
  std::vector<std::string> overrides;
  std::string out;
  std::int64_t seed = 1;
  CommandLine line{.usage = "bam upcycle --config MIXTURE --parents SEED BRANCH... --out FOLDER",
                   .options = {}, .positional = {}};
  line.options.add_options()
      ("config", options::value(&config)->required(), "run or model config of the mixture")
      ("parents", options::value(&parents)->multitoken()->required(),
       "dense checkpoints or run folders; the first is the seed, expert 0")
      ("out", options::value(&out)->required(), "folder that gets the checkpoint step-0")
      ("seed", options::value(&seed)->default_value(1), "of the routers' random weights")
      ("set", options::value(&overrides)->composing(), "override a field: --set model.n_layers=4")
      ("replace", "put it in the place of one that was upcycled or imported before");
  const auto values = read_command_line(std::move(line), arguments);
  if (!values) {
    return kDone;
  }
  check_input(seed >= 0, "--seed: ", seed, " is negative");
  check_input(parents.size() >= 2, "--parents: ", parents.size(),
              " where at least 2 were expected");
  UpcycleRequest request{.config = read_run_or_model_config(config), .config_name = config,
                         .parents = {parents.begin(), parents.end()}, .out = out,
                         .seed = static_cast<std::uint64_t>(seed),
                         .replace = values->contains("replace") ? Replace::kYes : Replace::kNo};
  for (const std::string& assignment : overrides) {
    set_field(request.config, assignment);
  }
  upcycle_checkpoint(request);
  const ParameterCount count = count_parameters(model_config_of(request.config.model(), config));
  std::cout << out << ": a mixture of " << parents.size() << " dense models, " << count.total
            << " parameters, " << count.active << " active\n";
  return kDone;
}

}  // namespace bam
