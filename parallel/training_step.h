#pragma once

#include <functional>

#include "model/transformer.h"
#include "parallel/group_exchange.h"
#include "parallel/part_clock.h"
#include "parallel/repeated_micro_step.h"
#include "parallel/sharded_optimizer.h"

namespace bam {

/// What one optimiser step is computed from.
struct StepInput {
  std::int64_t step = 1;  // 1 for the first
  double learning_rate = 0;
  std::int64_t micro_steps = 1;
  double scored_targets = 0;  // of the whole step, over all ranks
  double rows = 0;            // positions of the whole step, over all ranks
  std::function<Batch(std::int64_t micro_step)> batch;  // this rank's part
};

/// What one optimiser step did, over all ranks.
struct StepReport {
  double loss = 0;          // negative log-likelihood a scored target, nats
  double balance_loss = 0;  // weighted, summed over layers
  double z_loss = 0;
  double gradient_norm = 0;   // before clipping
  bool skipped = false;       // loss or gradient was not finite: weights are as they were
  bool has_overflow = false;  // an expert had too little room: the step was computed once more
  std::vector<LayerRouting> routing;
  PartTimes parts;  // of this rank
};

/// How a step is computed; what comes out is the same but for rounding.
struct StepOptions {
  Keep keep = Keep::kAll;
  Overlap overlap = Overlap::kOn;
  /// Not 0: a step in which an FFN expert has too little room (Transformer::forward), on any rank,
  /// is computed once more without a factor, so that no token is dropped.
  double capacity_factor = 0;
  /// On a GPU: micro-steps' forward and backward are recorded and launched as CUDA graphs.
  bool records = false;
};

/// One step of training on every rank: forward, backward and update. All loss terms are divided by
/// global counts, so gradients are only ever summed and the numbers do not depend on the layout.
class TrainingStep {
 public:
  /// Model, store, optimiser and world outlive it.
  TrainingStep(const Transformer& model, ParameterStore& store, ShardedOptimizer& optimizer,
               Communicator& world, const StepOptions& options)
      : model_(model),
        store_(store),
        optimizer_(optimizer),
        world_(world),
        parts_(world.clock()),
        options_(options) {}

  StepReport run(Stream& stream, const StepInput& input);

 private:
  enum class Gradients { kPartial, kWhole };  // after this micro-step
  enum class Outcome { kDone, kOverflow };
  struct MicroStep {
    Batch batch;
    double share;  // of the step's rows
    double rows;   // on all ranks
    double capacity_factor;
    Gradients gradients;
  };
  // Of the micro-steps so far.
  struct Computed {
    StepReport report;
    std::vector<Tensor> losses;  // read when all are computed, so that the host waits once
  };

  Outcome forward_backward(Stream& stream, const StepInput& input, double capacity_factor,
                           Computed& computed);
  Outcome compute(Stream& stream, const StepInput& input, const MicroStep& micro, Saved& saved,
                  Computed& computed);
  bool can_record(const Stream& stream, double capacity_factor) const;

  const Transformer& model_;
  ParameterStore& store_;
  ShardedOptimizer& optimizer_;
  Communicator& world_;
  PartClock parts_;
  StepOptions options_;
  RepeatedMicroStep repeated_;
};

}  // namespace bam
