#pragma once

#include <functional>
#include <set>
#include <span>
#include <vector>

#include "model/parameter_store.h"
#include "parallel/gradient_sum.h"
#include "runtime/adamw.h"
#include "runtime/host.h"

namespace bam {

struct OptimizerSettings {
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  double weight_decay = 0.1;
  std::vector<Role> no_decay = {Role::kNorm};
  double clip_norm = 1.0;  // 0: off
};

/// The fp32 state of one tile, on the rank that owns it.
struct OwnedTile {
  Tile tile;
  std::span<float> weight;
  std::span<float> first_moment;   // empty where the weight is frozen
  std::span<float> second_moment;  // likewise
  // Of what these are copies, where it is on a GPU: (elements) and (2, elements).
  Tensor weight_on_gpu = {};
  Tensor moments_on_gpu = {};
};

/// AdamW with its state sharded over the ranks that hold copies of a weight (ZeRO stage 1, arXiv
/// 1910.02054): experts over their copies in every expert-parallel group, all else over the world.
/// Each tile has one owner, which keeps the fp32 weight and the moments, sums the copies' gradients
/// in rank order and sends the new values back.
class ShardedOptimizer {
 public:
  /// Every argument but placement and settings outlives it. Weights are not set; moments are zero.
  ShardedOptimizer(Stream& stream, ParameterStore& store, Communicator& world,
                   Communicator& data_group, const Placement& placement,
                   OptimizerSettings settings);

  struct StepResult {
    double gradient_norm = 0;  // of the whole model, before clipping
    bool skipped = false;      // not finite: nothing was changed, on any rank
  };
  /// The gradients of the weights that `is_ready` picks (a layer, or a weight outside the layers)
  /// are whole: their sums over copies may start. Optional; every rank calls it in the same order.
  void gradients_ready(Stream& stream, const std::function<bool(const ParameterSpec&)>& is_ready);
  /// One update from the stores' gradients (which are summed over copies on the way). `step` counts
  /// from 1; with `loss_is_finite` false on any rank, or a gradient that is not, the step is
  /// skipped.
  StepResult step(Stream& stream, double learning_rate, std::int64_t step, bool loss_is_finite);

  /// Visits this rank's tiles, to save them or to set them (then call publish). What a visitor gets
  /// lives until the next publish or step.
  void for_each_owned_tile(const std::function<void(const OwnedTile&)>& visit);
  /// Copies the owned fp32 weights into the store, rounded to its dtype, on every rank.
  void publish(Stream& stream);

  /// Sets this rank's moments to zero, as at the start.
  void forget();

  /// Bytes of fp32 masters (where the store is not fp32 itself) and moments on this rank.
  std::size_t state_bytes() const;

 private:
  struct Piece : SharedTile {
    Tensor master;         // (elements) fp32; the store's own elements where they are fp32
    Tensor moments;        // (2, elements) fp32; empty where frozen or owned elsewhere
    HostView seen_master;  // what a visitor was given
    HostView seen_moments;
  };
  enum class Which { kAll, kTrained };
  struct Shard {  // weights whose copies are told of within one group
    Communicator* group;
    std::vector<Piece> pieces;  // of the copies that this rank has
    GradientSum gradients;
    std::vector<AdamwPiece> updates;  // of the weights that this rank trains and owns
  };
  /// Ranks of a group that hold a weight; none: it belongs to another shard.
  using HoldersOf = std::function<std::vector<int>(const ParameterSpec&)>;

  Shard deal(Stream& stream, Communicator& group, const HoldersOf& holders_of);
  std::vector<SharedTile> tiles_with_owners(const HoldersOf& holders_of);
  static void take_state(Stream& stream, Piece& piece);
  double squared_gradient_norm(Stream& stream);
  std::vector<AdamwPiece> updates_of(const std::vector<Piece>& pieces) const;
  void update(Stream& stream, const Shard& shard, double learning_rate, double scale,
              std::int64_t step);
  [[nodiscard]] Pending start_publishing(Stream& stream, Shard& shard, Which which);
  bool decays(const ParameterSpec& spec) const;

  void forget_views();

  Stream& stream_;
  ParameterStore& store_;
  Communicator& world_;
  OptimizerSettings settings_;
  std::set<std::vector<int>> holder_sets_;  // which tiles refer to
  std::vector<Shard> shards_;
};

}  // namespace bam
