#pragma once

#include <filesystem>
#include <optional>

#include "io/checkpoint_state.h"
#include "launch/plan_in_force.h"
#include "launch/run_input.h"
#include "launch/run_saves.h"
#include "launch/run_state.h"
#include "launch/run_steps.h"
#include "launch/run_watch.h"
#include "launch/start_point.h"
#include "launch/step_log.h"
#include "launch/stop_signal.h"
#include "parallel/straggler_watch.h"
#include "parallel/trainer.h"

namespace bam {

/// One phase of training on this rank: everything it owns, and the loop over its steps.
class TrainingRun {
 public:
  /// Takes its weights from the newest checkpoint in `folder`, else from config.init_from, else
  /// draws them. Throws BadInput, naming `config_name` and the field, where config, data and
  /// checkpoint do not fit each other; nothing is written until run().
  TrainingRun(Stream& stream, Communicator& world, const proto::RunConfig& config,
              const std::string& config_name, const std::filesystem::path& folder, RunWatch& watch);
  TrainingRun(const TrainingRun&) = delete;  // its members refer to each other
  TrainingRun& operator=(const TrainingRun&) = delete;

  /// Has this step recorded in `trace-rank-R.json` in the run's folder. Throws BadInput unless the
  /// run is still to train it.
  void trace_step(std::int64_t step);
  /// Trains to the last step, or to the step at which a signal was seen; writes a checkpoint there.
  /// A checkpoint on the way that cannot be written is told of, and training goes on; one at the
  /// end is exit code kNotSaved. Returns the exit code.
  int run();

 private:
  void begin_weights(const std::optional<StartPoint>& start);
  void read_weights(const CheckpointReader& checkpoint, Moments moments);
  void begin_logs();
  void tell_of_start() const;
  std::optional<int> next_step(int& signal);
  bool rewind();
  void place_as_at(const std::optional<StartPoint>& start);
  int stop_diverged();
  std::optional<Replan> better_placement();
  bool move_experts(const Replan& replan);
  int agree_after_step(const StepReport& report);
  void after_step(const StepReport& report, double seconds, int signal,
                  const std::optional<Replan>& better);
  void validate(nlohmann::json& line);
  CheckpointInfo checkpoint_info(const Placement& placement) const;
  bool save_the_last();

  Stream& stream_;
  RunWatch& watch_;
  Communicator& world_;
  StopSignal stop_signal_;
  RunInput input_;  // this and all to trainer_ is checked before the model's memory is taken
  const RunConfig& config_;          // the input's
  std::optional<StartPoint> start_;  // until its weights are read
  PlanInForce plan_;
  RunSteps steps_;
  Trainer trainer_;
  RunState state_;
  StragglerWatch stragglers_;               // rank 0
  std::optional<TransferTimes> transfers_;  // of the last step, on this rank; see LoggedStep
  std::optional<StepLog> log_;              // rank 0
  RunSaves saves_;                          // of trainer_'s tiles
};

}  // namespace bam
