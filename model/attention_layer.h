#pragma once

#include <optional>

#include "model/attention_experts.h"
#include "model/router.h"

namespace bam {

/// What backward needs of one layer's attention.
struct AttentionLayerSaved {
  RouterSaved router;
  Tensor h;                                 // (n, d_model)
  Tensor gates;                             // (n, experts) fp32; empty where there is one attention
  std::vector<AttentionSliceSaved> own;     // of each own part
  std::vector<AttentionSliceSaved> theirs;  // of each ring step; empty where it borrows nothing
};

/// Transfers of one pass through a layer's attention.
struct AttentionFlight {
  std::vector<Pending> borrowed;    // other ranks' rows, one a ring step
  std::vector<Pending> returned;    // what other ranks made of this rank's rows
  std::vector<Tensor> inbox;        // (rows returned, d_model), one a ring step
  std::vector<Tensor> inbox_rows;   // (rows returned) int32, within the lent piece; empty: all
  std::vector<Tensor> gates_inbox;  // backward: (lent rows, experts) fp32
  std::vector<Tensor> gradients;    // backward: borrowed rows' dy (rows returned, d_model)
};

/// The attention of one block: soft-routed experts spread over the ranks of the exchange, one copy
/// of each seeing every sequence; or a dense model's (and BTX's) single attention, which stays at
/// home. Calls come in the order start, own, others, finish; backward mirrors them.
class AttentionLayer {
 public:
  AttentionLayer(const ModelConfig& config, const ParameterStore& store, const Placement& placement,
                 int layer, Exchange& exchange);

  /// Routes h (n, d_model) and starts lending rows.
  void start(Stream& stream, const MicroBatch& micro, const Tensor& h, AttentionLayerSaved& saved,
             AttentionFlight& flight) const;
  /// sum (n, d_model) fp32 += held experts on this rank's sequences.
  void own(Stream& stream, const MicroBatch& micro, const Tensor& rope_table,
           AttentionLayerSaved& saved, const Tensor& sum, LayerCache* cache) const;
  /// Held experts on the other ranks' sequences as they arrive; results go back at once.
  void others(Stream& stream, const MicroBatch& micro, const Tensor& rope_table,
              AttentionLayerSaved& saved, AttentionFlight& flight) const;
  /// sum += what the other ranks' experts made of this rank's sequences, in ring order.
  void finish(Stream& stream, const MicroBatch& micro, AttentionFlight& flight,
              const Tensor& sum) const;

  /// Starts lending dy (n, d_model), of h's dtype.
  void start_backward(Stream& stream, const MicroBatch& micro, const AttentionLayerSaved& saved,
                      const Tensor& dy, AttentionFlight& flight) const;
  /// dh (n, d_model) fp32 += ..., d_gates (n, experts) fp32 += ...
  void own_backward(Stream& stream, const MicroBatch& micro, const Tensor& rope_table,
                    const AttentionLayerSaved& saved, const Tensor& dy, const Tensor& dh,
                    const Tensor& d_gates) const;
  void others_backward(Stream& stream, const MicroBatch& micro, const Tensor& rope_table,
                       const AttentionLayerSaved& saved, AttentionFlight& flight) const;
  /// dh and d_gates += the other ranks' parts; then through the router. z_scale: see Router.
  void finish_backward(Stream& stream, const MicroBatch& micro, const AttentionLayerSaved& saved,
                       double z_scale, AttentionFlight& flight, const Tensor& dh,
                       const Tensor& d_gates) const;

  /// (n, experts) fp32 zeros to collect the gates' gradient; empty where there is one attention.
  Tensor gate_gradients(Stream& stream, std::int64_t n) const;

 private:
  bool sparse() const { return mixture_ && mixture_->routing == AttentionRouting::kTopK; }
  Tensor route(Stream& stream, const Tensor& h, RouterSaved& saved) const;
  Tensor rows_returned(Stream& stream, const Tensor& gates, const std::vector<int>& experts) const;

  int layer_;
  std::optional<AttentionMixture> mixture_;
  std::optional<Router> router_;
  AttentionExperts experts_;
  Exchange& exchange_;
};

}  // namespace bam
