#include "launch/train_command.h"

#include <filesystem>
#include <iostream>

#include "io/run_config.h"
#include "launch/command_line.h"
#include "launch/exit_codes.h"
#include "launch/training_run.h"

namespace bam {
namespace {

namespace options = boost::program_options;

int train(const std::string& config_path, const std::vector<std::string>& overrides,
          const std::filesystem::path& folder) {
  MpiSession session;
  return session.guarded([&] {
    const proto::RunConfig config = with_defaults(read_run_config(config_path, overrides));
    Memory memory;
    Stream stream(memory);
    Communicator world = Communicator::world(session);
    std::filesystem::create_directories(folder);
    return TrainingRun(stream, world, config, folder).run();
  });
}

}  // namespace

int train_command(std::span<const std::string> arguments) {
  std::string config;
  std::string folder;
  std::vector<std::string> overrides;
  CommandLine line{.usage = "bam train CONFIG --out FOLDER [--set FIELD=VALUE]...",
                   .options = {}, .positional = {}};
  line.options.add_options()
      ("config", options::value(&config)->required(), "run config, protobuf text")
      ("out", options::value(&folder)->required(), "run folder: checkpoints and metrics.jsonl")
      ("set", options::value(&overrides)->composing(), "override a field: --set model.n_layers=4");
  line.positional.add("config", 1);
  if (!read_command_line(std::move(line), arguments)) {
    return kDone;
  }
  return train(config, overrides, folder);
}

}  // namespace bam
