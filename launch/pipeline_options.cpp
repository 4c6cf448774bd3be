#include "launch/pipeline_options.h"

#include "runtime/check.h"

namespace bam {

namespace po = boost::program_options;

CommandLine pipeline_command_line(const std::string& usage) {
  CommandLine command{usage, {}, {}};
  command.options.add_options()("verb", po::value<std::string>()->required(), "run or slurm")(
      "recipe", po::value<std::string>()->required(), "protobuf text, message Recipe")(
      "runs", po::value<std::string>()->default_value("runs"), "folder of run folders")(
      "ranks", po::value<std::string>(), "ranks of each training phase, instead of the recipe's")(
      "set", po::value<std::vector<std::string>>()->composing(), "a.b=c: changes the recipe")(
      "dry-run", po::bool_switch(), "print the jobs and their commands, run nothing");
  command.positional.add("verb", 1).add("recipe", 1);
  return command;
}

proto::Recipe recipe_of(const po::variables_map& options) {
  std::vector<std::string> overrides;
  if (options.contains("set")) {
    overrides = options["set"].as<std::vector<std::string>>();
  }
  if (options.contains("ranks")) {
    const std::string ranks = options["ranks"].as<std::string>();
    check_input(ranks != "0", "--ranks: 0 where a positive number was expected");
    overrides.push_back("ranks=" + ranks);
  }
  return read_recipe(options["recipe"].as<std::string>(), overrides);
}

RunFolder run_folder_of(const po::variables_map& options, const proto::Recipe& recipe) {
  return RunFolder(std::filesystem::path(options["runs"].as<std::string>()) / recipe.name());
}

}  // namespace bam
