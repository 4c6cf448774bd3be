#include "launch/train_command.h"

#include <filesystem>
#include <iostream>
#include <optional>

#include "io/run_config.h"
#include "io/run_lock.h"
#include "launch/command_line.h"
#include "launch/device_option.h"
#include "launch/exit_codes.h"
#include "launch/training_run.h"
#include "parallel/mpi_session.h"

namespace bam {
namespace {

namespace options = boost::program_options;

struct TrainArguments {
  std::string config;
  std::vector<std::string> overrides;
  std::string folder;
  std::string plan;
  DeviceRequest device;
  std::optional<std::int64_t> traced_step;
};

int train(const TrainArguments& arguments) {
  MpiSession session;
  return session.guarded([&] {
    const proto::RunConfig config =
        with_defaults(read_run_config(arguments.config, arguments.overrides));
    auto [device, world] = workers_named(session, arguments.device);
    Memory memory(device);
    Stream stream(memory);
    CommunicatorPeers ranks(stream, world);
    const std::optional<RunLock> lock = lock_run(ranks, arguments.folder);
    if (lock && !lock->is_held()) {
      std::cerr << "bam: " << arguments.folder
                << ": the file system has no locks; see that no other job trains into it\n";
    }
    RunWatch watch(stream, world,
                   guard_config_of(config.guard(), FieldCheck(arguments.config)));
    TrainingRun run(stream, world, config, arguments.config, arguments.folder, watch);
    if (arguments.traced_step) {
      run.trace_step(*arguments.traced_step);
    }
    return run.run();
  });
}

}  // namespace

int train_command(std::span<const std::string> arguments) {
  TrainArguments given;
  CommandLine line{.usage = "bam train CONFIG --out FOLDER [--set FIELD=VALUE]...",
                   .options = {}, .positional = {}};
  line.options.add_options()
      ("config", options::value(&given.config)->required(), "run config, protobuf text")
      ("out", options::value(&given.folder)->required(), "run folder: checkpoints and metrics.jsonl")
      ("set", options::value(&given.overrides)->composing(), "override a field: --set model.n_layers=4")
      ("plan", options::value(&given.plan),
       "placement plan of the experts, or a checkpoint or run folder with one, as "
       "--set parallel.placement=FILE")
      ("trace-step", options::value<std::int64_t>(),
       "write a trace of this step, trace-rank-R.json, for Perfetto or Chrome");
  add_device_options(line.options, given.device);
  line.positional.add("config", 1);
  const auto values = read_command_line(std::move(line), arguments);
  if (!values) {
    return kDone;
  }
  if (!given.plan.empty()) {
    given.overrides.push_back("parallel.placement=" + given.plan);
  }
  if (values->contains("trace-step")) {
    given.traced_step = (*values)["trace-step"].as<std::int64_t>();
  }
  return train(given);
}

}  // namespace bam
