#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "io/batches.h"
#include "io/checkpoint_reader.h"
#include "io/checkpoint_writer.h"
#include "io/run_config.h"
#include "io/validation_data.h"
#include "launch/drill.h"
#include "launch/loss_guard.h"
#include "launch/plan_in_force.h"
#include "launch/replanning.h"
#include "launch/routing_log.h"
#include "launch/run_watch.h"
#include "launch/start_point.h"
#include "launch/step_log.h"
#include "launch/stop_signal.h"
#include "parallel/learning_rate.h"
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
              const std::string& config_name, std::filesystem::path folder, RunWatch& watch);

  /// Has this step recorded in `trace-rank-R.json` in the run's folder. Throws BadInput unless the
  /// run is still to train it.
  void trace_step(std::int64_t step);
  /// Trains to the last step, or to the step at which a signal was seen; writes a checkpoint there.
  /// A checkpoint on the way that cannot be written is told of, and training goes on; one at the
  /// end is exit code kNotSaved. Returns the exit code.
  int run();

 private:
  StartRequest start_request() const;
  void begin(const std::optional<StartPoint>& start);
  void begin_from_checkpoint(const CheckpointReader& checkpoint, bool resumes);
  bool rewind();
  void place_as_at(const std::optional<StartPoint>& start);
  int stop_diverged();
  Batch batch(std::int64_t step, std::int64_t micro_step);
  StepReport train_step();
  StepReport traced_step(const StepInput& input);
  void after_step(const StepReport& report, double seconds, int signal,
                  const std::optional<Replan>& better);
  bool saves_in_background() const;
  bool is_boundary() const;
  std::optional<Replan> better_placement();
  bool move_experts(const Replan& replan);
  void validate(nlohmann::json& line);
  bool can_save();
  CheckpointInfo checkpoint_info(const Placement& placement) const;
  bool save_the_last();
  void tell_of_saves();
  int agree_after_step(const StepReport& report);

  Stream& stream_;
  RunWatch& watch_;
  Communicator& world_;
  RunConfig config_;
  std::string config_name_;
  proto::RunConfig text_;
  std::filesystem::path folder_;
  StopSignal stop_signal_;
  Layout layout_;
  TrainingData data_;  // this and all to trainer_ is checked before the model's memory is taken
  std::vector<ValidationData> validation_;
  std::string tokenizer_;            // the SentencePiece model's bytes
  std::optional<StartPoint> start_;  // until its weights are read
  PlanInForce plan_;
  Trace trace_;                      // of the traced step; outlives what is in flight
  Trainer trainer_;
  LearningRate learning_rate_;
  std::optional<Replanning> replanning_;
  std::vector<Lineage> parents_;
  Drill drill_;
  LossGuard guard_;
  StragglerWatch stragglers_;  // rank 0
  std::int64_t step_ = 0;      // done
  std::int64_t traced_step_ = 0;
  std::int64_t tokens_before_ = 0;  // trained on before this phase
  double seconds_ = 0;              // of training in this phase
  std::optional<TransferTimes> transfers_;  // of the last step, on this rank; see LoggedStep
  std::optional<StepLog> log_;      // rank 0
  std::optional<RoutingLog> routing_log_;  // rank 0; absent where no routing is traced
  CommunicatorPeers peers_;
  std::optional<CheckpointWriter> checkpoints_;  // of trainer_'s tiles
  std::int64_t saved_step_ = -1;                 // of the newest checkpoint that stands
};

}  // namespace bam
