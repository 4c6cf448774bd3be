#include "launch/inspect_command.h"

#include <iostream>
#include <vector>

#include "io/checkpoint_reader.h"
#include "launch/command_line.h"
#include "launch/exit_codes.h"
#include "launch/inspection.h"
#include "runtime/check.h"

namespace bam {
namespace {

constexpr const char* kUsage = "bam inspect [show|verify] FILE [--json] [--statistics]";

enum class Output { kText, kJson };

int show(const std::string& file, Statistics statistics, Output output) {
  const nlohmann::json inspection = inspect(file, statistics);
  if (output == Output::kJson) {
    std::cout << inspection.dump(2) << "\n";
  } else {
    print_inspection(inspection, std::cout);
  }
  return kDone;
}

int verify(const std::string& file, Output output) {
  const CheckpointReader checkpoint(file);
  const std::int64_t tiles = checkpoint.verify();
  if (output == Output::kJson) {
    const nlohmann::json answer = {{"file", checkpoint.path().string()}, {"tiles", tiles}};
    std::cout << answer.dump(2) << "\n";
  } else {
    std::cout << checkpoint.path().string() << ": whole, " << tiles << " tiles verified\n";
  }
  return kDone;
}

}  // namespace

int inspect_command(std::span<const std::string> arguments) {
  namespace options = boost::program_options;
  std::vector<std::string> words;
  CommandLine line{.usage = kUsage, .options = {}, .positional = {}};
  line.options.add_options()
      ("words", options::value(&words), "show (default): parameters, tokens seen, lineage; "
       "verify: reads every byte. FILE: checkpoint, run folder, run config or model config")
      ("json", "print JSON")
      ("statistics", "mean, deviation and range of each tensor (reads all weights)");
  line.positional.add("words", -1);
  const auto values = read_command_line(std::move(line), arguments);
  if (!values) {
    return kDone;
  }
  check_input(words.size() == 1 || words.size() == 2, "usage: ", kUsage);
  const std::string verb = words.size() == 2 ? words.front() : "show";
  const Output output = values->contains("json") ? Output::kJson : Output::kText;
  check_input(verb == "show" || verb == "verify", verb, ": there is no such verb; usage: ", kUsage);
  if (verb == "verify") {
    return verify(words.back(), output);
  }
  return show(words.back(),
              values->contains("statistics") ? Statistics::kPerTensor : Statistics::kNone, output);
}

}  // namespace bam
