#pragma once

#include <string>

#include "io/checkpoint_format.h"
#include "io/guard_config.h"
#include "parallel/training_step.h"

namespace bam {

/// Judges each step by its loss and gradient norm. It sees what is the same on every rank, so every
/// rank judges alike. Its state goes into checkpoints, so that a run which was stopped judges as
/// one which was not.
class LossGuard {
 public:
  enum class Verdict { kGoOn, kRewind, kStop };

  explicit LossGuard(const GuardConfig& config) : config_(config) {}

  /// kGoOn also for a step that was skipped; kRewind: go back to the last checkpoint, the data of
  /// this step are left out from now on; kStop: too many of either.
  Verdict judge(std::int64_t step, const StepReport& report);
  /// What was wrong, of a verdict that is not kGoOn.
  const std::string& reason() const { return reason_; }

  /// The step of the data order whose data a step of the run reads: those left out are passed over.
  std::int64_t data_step(std::int64_t step) const;

  const proto::GuardState& state() const { return state_; }
  /// Goes on from a checkpoint's state.
  void resume(const proto::GuardState& state) { state_ = state; }
  /// The run has gone back: what is left out, and how often it did so, stays as it was before.
  void rewound(const proto::GuardState& before);

 private:
  Verdict judge_skipped(std::int64_t step);
  Verdict judge_spike(std::int64_t step);

  GuardConfig config_;
  proto::GuardState state_;
  std::string reason_;
};

}  // namespace bam
