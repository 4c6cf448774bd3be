#pragma once

#include <cstdint>

#include "launch/drill.h"
#include "launch/run_input.h"
#include "launch/run_state.h"
#include "parallel/learning_rate.h"
#include "parallel/trainer.h"

namespace bam {

/// Computes a run's steps: gives the trainer each step's data and learning rate, makes the faults
/// of a drill, records one step where that is asked for.
class RunSteps {
 public:
  /// What is given outlives it; it outlives what its steps leave in flight.
  RunSteps(Stream& stream, Communicator& world, RunInput& input);

  /// Has this step recorded, in `trace-rank-R.json` in the run's folder.
  void trace(std::int64_t step) { traced_step_ = step; }
  /// Collective: one step, which the state then has behind it.
  StepReport train(Trainer& trainer, RunState& state);
  /// Whether a drill leaves out what ranks agree on after the step that the state has behind it.
  bool leaves_out_agreement(const RunState& state) const;

 private:
  StepReport train_recorded(Trainer& trainer, const StepInput& input);

  Stream& stream_;
  Communicator& world_;
  RunInput& input_;
  LearningRate learning_rate_;
  Drill drill_;
  std::int64_t traced_step_ = 0;
  Trace trace_;
};

}  // namespace bam
