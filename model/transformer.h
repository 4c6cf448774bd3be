#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "model/block.h"
#include "model/routing_statistics.h"
#include "runtime/recording.h"
#include "runtime/routing_tally.h"

namespace bam {

/// Everything backward needs of one micro-batch. While it is being recorded, or done again from
/// that, it is the same in every pass.
struct Saved {
  Recording recording;
  MicroBatch micro;
  Tensor rope_table;                              // that was used
  std::vector<Tensor> inputs;                     // (n, d_model) fp32: each block's x
  std::vector<std::optional<BlockSaved>> blocks;  // absent: recomputed in backward
  Tensor last;                                    // (n, d_model) fp32: the last block's y
  Tensor final_statistics;                        // (n, 2)
  Tensor hidden;                                  // (n, d_model): after the final norm
  Tensor d_hidden;                                // (n, d_model) fp32: gradient of hidden
  Tensor balance_slopes;                          // (layers, experts) fp32: see AuxiliarySlopes
  RoutingTally tally;
  std::vector<LayerRouting> routing;
  bool has_overflow = false;  // an FFN expert had too little room: what was computed is no use
};

/// Activations kept by forward.
enum class Keep { kAll, kInputsOnly, kNothing };

struct TransformerOptions {
  Precision precision = Precision::kFloat32;
  int slices_per_peer = 1;    // pieces of each peer's sequences in the attention exchange
  int domains = 1;            // routing statistics are kept for each
  bool counts_pairs = false;  // of FFN experts chosen together, as part of them
};

/// The transformer, dense or mixture (paper, section 3), on one rank of an expert-parallel group.
/// Holds references: store and exchange outlive it.
class Transformer {
 public:
  Transformer(Stream& stream, const ModelConfig& config, const ParameterStore& store,
              const Placement& placement, Exchange& exchange, TransformerOptions options);

  /// Runs the blocks and the final norm; the result is saved.hidden. Under kInputsOnly backward
  /// recomputes each block, to the same bits. An FFN expert computes the rows that chose it, and
  /// the host waits for their number once a layer; or, with a capacity factor (expert_capacity), as
  /// many as there is room for, and nobody waits: where that is too few, saved.has_overflow.
  void forward(Stream& stream, const Batch& batch, Keep keep, Saved& saved,
               double capacity_factor = 0) const;

  /// Negative log-likelihoods (n) fp32 of batch.targets, natural logarithm, 0 where not scored.
  Tensor losses(Stream& stream, const Batch& batch, const Saved& saved) const;

  /// The same, and the gradient of scale * their sum: that of the hidden states is saved.d_hidden,
  /// that of the output embedding is added to its weight's.
  Tensor losses_and_gradient(Stream& stream, const Batch& batch, Saved& saved, double scale) const;

  /// Gradients of every weight, from saved.d_hidden; balance: one term a layer. Frees the
  /// activations as it goes. after_layer(l) is called when layer l's weights have theirs.
  void backward(
      Stream& stream, const Batch& batch, Saved& saved, const std::vector<BalanceTerm>& balance,
      const std::function<void(int)>& after_layer = [](int) {}) const;

  /// Why forward and backward cannot be recorded (Saved::recording); empty if they can. Whoever
  /// records them gives them the same batch's tensors, capacity factor and shares in every pass.
  std::string obstacle_to_recording(double capacity_factor) const;

  /// Logits (1, vocabulary) fp32 of the token after `tokens` (m) int32, which continue the cached
  /// sequence; the cache grows by m.
  Tensor next_logits(Stream& stream, const Tensor& tokens, KeyValueCache& cache) const;

  const ModelConfig& config() const { return config_; }

 private:
  void grow_rope_table(Stream& stream, std::int64_t positions) const;
  const Parameter& output() const;
  Tensor logits(Stream& stream, const Tensor& hidden, DType dtype) const;
  void compute(Stream& stream, const Batch& batch, Keep keep, double capacity_factor,
               Saved& saved) const;
  void count_routing(Stream& stream, const Batch& batch, const BlockSaved& saved,
                     RoutingTally& tally) const;
  void read_routing(Stream& stream, const Batch& batch, Saved& saved) const;
  void set_balance_slopes(Stream& stream, const std::vector<BalanceTerm>& balance,
                          Saved& saved) const;
  void layer_backward(Stream& stream, std::size_t layer, const BalanceTerm& balance,
                      const Tensor& dx, const Tensor& low, Saved& saved) const;

  ModelConfig config_;
  TransformerOptions options_;
  const ParameterStore& store_;
  Placement placement_;
  Exchange& exchange_;
  std::vector<Block> blocks_;
  mutable Tensor rope_table_;  // grown to the longest sequence seen
};

}  // namespace bam
