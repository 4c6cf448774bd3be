#pragma once

#include <cstdint>
#include <optional>

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
  int slices_per_peer = 2;    // see TransformerOptions
  int domains = 1;            // routing statistics are kept for each
  bool counts_pairs = false;  // see TransformerOptions
  Keep keep = Keep::kAll;
  double expert_capacity_factor = 0;  // see StepOptions
  bool cuda_graphs = false;           // likewise; refused where they cannot be
  bool deterministic = true;          // set on the stream, see runtime/device.h
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

  /// Holds the same model under another placement of its experts. Weights and moments are not set,
  /// as at first: what was there is let go before there is anything new.
  void place(Placement placement);

  /// Initial weights: a function of the seed and each weight's name alone.
  void draw_weights(std::uint64_t seed);
  /// One optimiser step.
  StepReport step(const StepInput& input) { return parts_->step.run(stream_, input); }

  const Placement& placement() const { return parts_->placement; }
  const Transformer& model() const { return parts_->model; }
  ParameterStore& store() { return parts_->store; }
  ShardedOptimizer& optimizer() { return parts_->optimizer; }
  GroupExchange& exchange() { return parts_->exchange; }

 private:
  /// What depends on where the experts are.
  struct Parts {
    Parts(Stream& stream, Communicator& world, Layout& layout, const ModelConfig& config,
          Placement where, const TrainerOptions& options);

    Placement placement;
    GroupExchange exchange;
    ParameterStore store;
    ShardedOptimizer optimizer;
    Transformer model;
    TrainingStep step;
  };

  Stream& stream_;
  Communicator& world_;
  Layout& layout_;
  ModelConfig config_;
  TrainerOptions options_;
  std::optional<Parts> parts_;
};

}  // namespace bam
