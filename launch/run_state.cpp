#include "launch/run_state.h"

#include "launch/training_setup.h"

namespace bam {

RunState::RunState(const RunConfig& config) : guard(config.guard) {
  if (config.parallel.replan) {
    replanning.emplace(*config.parallel.replan, config.model, config.data.sequence_length);
  }
}

void RunState::begin(const std::optional<StartPoint>& start) {
  if (!start) {
    return;
  }
  const CheckpointReader& checkpoint = start->checkpoint;
  tokens_before = checkpoint.tokens_cumulative();
  if (start->resumes) {
    go_on_from(checkpoint);
  } else {
    parents = {checkpoint.lineage()};
  }
}

void RunState::go_on_from(const CheckpointReader& checkpoint) {
  step = checkpoint.step();
  tokens_before -= checkpoint.tokens_phase();
  seconds = checkpoint.seconds();
  parents = checkpoint.parents();
  guard.resume(checkpoint.guard());
  if (replanning) {
    replanning->go_on_from(checkpoint);
  }
}

void RunState::go_back_to(const std::optional<StartPoint>& start) {
  const double spent = seconds;
  const proto::GuardState before = guard.state();
  step = 0;
  guard.resume({});
  if (replanning) {
    replanning->forget();
  }
  begin(start);
  seconds = spent;
  guard.rewound(before);
}

CheckpointInfo RunState::checkpoint_info(const RunInput& input) const {
  const auto tokens = static_cast<std::int64_t>(tokens_per_step(input.config)) * step;
  return {.step = step,
          .tokens_phase = tokens,
          .tokens_cumulative = tokens_before + tokens,
          .config = input.text,
          .tokenizer = input.tokenizer,
          .parents = parents,
          .seconds = seconds,
          .flops = step_flops(input.config) * static_cast<double>(step),
          .placement = std::nullopt,
          .loads = replanning ? replanning->counted() : std::vector<proto::ExpertLoads>(),
          .data_hashes = content_hashes(input.data),
          .guard = guard.state()};
}

}  // namespace bam
