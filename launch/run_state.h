#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "io/checkpoint_draft.h"
#include "launch/loss_guard.h"
#include "launch/replanning.h"
#include "launch/run_input.h"
#include "launch/start_point.h"

namespace bam {

/// Where a run is, beside its weights: what its checkpoints hold of that, and it takes up again
/// from them. The same on every rank, but for `seconds`.
struct RunState {
  std::int64_t step = 0;           // done
  std::int64_t tokens_before = 0;  // trained on before this phase
  double seconds = 0;              // of training in this phase
  std::vector<Lineage> parents;
  LossGuard guard;
  std::optional<Replanning> replanning;  // where config.parallel has it

  /// Of a run that has nothing behind it.
  explicit RunState(const RunConfig& config);

  /// Where a run is that starts there; anew where it starts from nothing. Throws BadInput, naming
  /// the checkpoint, where what it counted is of another model.
  void begin(const std::optional<StartPoint>& start);
  /// The same for a run that was further: the time since then is spent, and what was left out of
  /// the data, and how often it went back, stays known.
  void go_back_to(const std::optional<StartPoint>& start);

  /// What a checkpoint of it holds beside weights; where experts are is left open.
  CheckpointInfo checkpoint_info(const RunInput& input) const;

 private:
  void go_on_from(const CheckpointReader& checkpoint);
};

}  // namespace bam
