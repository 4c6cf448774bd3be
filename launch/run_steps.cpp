#include "launch/run_steps.h"

#include <optional>
#include <string>

#include "io/trace_file.h"
#include "launch/training_setup.h"

namespace bam {

RunSteps::RunSteps(Stream& stream, Communicator& world, RunInput& input)
    : stream_(stream),
      world_(world),
      input_(input),
      learning_rate_(learning_rate_of(input.config)),
      drill_(Drill::from_environment(world.rank())) {}

StepReport RunSteps::train(Trainer& trainer, RunState& state) {
  ++state.step;
  const std::int64_t data_step = state.guard.data_step(state.step);
  const auto targets = static_cast<double>(input_.data.scored_targets(data_step));
  const StepInput input{
      .step = state.step,
      .learning_rate = learning_rate_.at(state.step),
      .micro_steps = input_.config.training.micro_steps,
      .scored_targets = drill_.divisor(data_step, targets),
      .rows = tokens_per_step(input_.config),
      .batch = [&](std::int64_t m) { return input_.batch(stream_, data_step, m); }};
  drill_.begin_step(data_step);
  std::optional<Drill::Poison> poison;
  if (drill_.strikes(Drill::Fault::kNan, data_step)) {
    poison.emplace(stream_, trainer.store());
  }
  return state.step == traced_step_ ? train_recorded(trainer, input) : trainer.step(input);
}

// All ranks' traces begin at one moment, so that they can be laid beside each other.
StepReport RunSteps::train_recorded(Trainer& trainer, const StepInput& input) {
  world_.barrier(stream_).wait(stream_);
  const double origin = Trace::now();
  stream_.record(&trace_);
  StepReport report = trainer.step(input);
  stream_.record(nullptr);
  const int rank = world_.rank();
  write_trace(input_.folder / ("trace-rank-" + std::to_string(rank) + ".json"), trace_, rank,
              origin);
  return report;
}

bool RunSteps::leaves_out_agreement(const RunState& state) const {
  return drill_.strikes(Drill::Fault::kSkip, state.guard.data_step(state.step));
}

}  // namespace bam
