#pragma once

#include <cstdint>

#include "parallel/group_exchange.h"
#include "parallel/layout.h"
#include "parallel/training_step.h"

namespace bam {

/// How a model is trained, whatever it is trained on.
struct TrainerOptions {
  Precision precision = Precision::kFloat32;
  Trainable trainable = Trainable::kAll;
  OptimizerSettings optimizer;
  Overlap overlap = Overlap::kOn;
  int slices_per_peer = 2;  // see TransformerOptions
  int domains = 1;          // routing statistics are kept for each
  Keep keep = Keep::kAll;
};

/// What one rank needs to train its part of a model: weights and gradients, the exchange with the
/// other ranks, and the optimiser's state. Kernels on its stream move messages on while it lives.
class Trainer {
 public:
  /// Stream, world and layout outlive it. The weights are not set: see draw_weights, optimizer().
  Trainer(Stream& stream, Communicator& world, Layout& layout, const ModelConfig& config,
          Placement placement, const TrainerOptions& options);
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// Initial weights: a function of the seed and each weight's name alone.
  void draw_weights(std::uint64_t seed);
  /// One optimiser step.
  StepReport step(const StepInput& input) { return step_.run(stream_, input); }

  const Transformer& model() const { return model_; }
  ParameterStore& store() { return store_; }
  ShardedOptimizer& optimizer() { return optimizer_; }
  GroupExchange& exchange() { return exchange_; }

 private:
  Stream& stream_;
  Placement placement_;
  GroupExchange exchange_;
  ParameterStore store_;
  ShardedOptimizer optimizer_;
  Transformer model_;
  TrainingStep step_;
};

}  // namespace bam
