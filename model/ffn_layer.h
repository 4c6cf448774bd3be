#pragma once

#include <optional>

#include "model/dispatch.h"
#include "model/expert_capacity.h"
#include "model/ffn_expert.h"
#include "model/router.h"

namespace bam {

/// What backward needs of one layer's FFN.
struct FfnLayerSaved {
  RouterSaved router;
  ExpertOrder order;
  DispatchPlan plan;
  std::vector<FfnSaved> own;       // of each held expert: this rank's rows
  std::vector<FfnSaved> arrivals;  // and the other ranks'
  Tensor answers;                  // (outbox rows, d_model), in their order
};

/// Transfers of one pass through a layer's FFN experts.
struct FfnFlight {
  Tensor outbox;    // (n * k, or with padding experts * capacity; d_model): rows, or their
                    // gradients, ordered by expert and copy
  Tensor arrivals;  // (other ranks' rows, d_model)
  Tensor returns;   // (other ranks' rows, d_model): answers to them
  Pending dispatched;
  Pending combined;
};

/// Weight of the auxiliary losses in this micro-step, and what the balancing loss must know.
struct BalanceTerm {
  double share = 0;                // rows of this micro-step / rows of the optimiser step
  double rows = 1;                 // rows of this micro-step, on all ranks
  std::vector<double> load_share;  // f_i: chosen slots of expert i / all slots, on all ranks
};

/// The balancing loss along each expert's gate, the same in every row: alpha N f_i share / rows.
std::vector<float> balance_slopes(const FfnMixture& mixture, const BalanceTerm& term);

/// What backward adds of the auxiliary losses.
struct AuxiliarySlopes {
  Tensor balance;      // (experts) fp32: balance_slopes; empty in a dense model
  double per_row = 0;  // share / rows of the BalanceTerm: the weight of a row's z-loss
};

/// The FFN of one block: top-k routed experts spread over the ranks of the exchange, or a dense
/// model's single FFN. Calls come in the order start, arrivals, own, finish; backward mirrors them.
class FfnLayer {
 public:
  FfnLayer(const ModelConfig& config, const ParameterStore& store, const Placement& placement,
           int layer, Exchange& exchange);

  /// Routes h (n, d_model) and starts the dispatch. Without a capacity the host waits for the
  /// counts.
  void start(Stream& stream, const ExpertCapacity& capacity, const Tensor& h, FfnLayerSaved& saved,
             FfnFlight& flight) const;
  /// Held experts on the other ranks' rows; starts sending the answers back.
  void arrivals(Stream& stream, FfnLayerSaved& saved, FfnFlight& flight) const;
  /// Held experts on this rank's own rows.
  void own(Stream& stream, FfnLayerSaved& saved, FfnFlight& flight) const;
  /// sum (n, d_model) fp32 += each row's gated answers.
  void finish(Stream& stream, FfnLayerSaved& saved, FfnFlight& flight, const Tensor& sum) const;

  /// From dy (n, d_model) fp32: the gates' gradients (n, k), returned, and the dispatch of the
  /// answers' gradients.
  Tensor start_backward(Stream& stream, const FfnLayerSaved& saved, const Tensor& dy,
                        FfnFlight& flight) const;
  void arrivals_backward(Stream& stream, const FfnLayerSaved& saved, FfnFlight& flight) const;
  void own_backward(Stream& stream, const FfnLayerSaved& saved, FfnFlight& flight) const;
  /// dh (n, d_model) fp32 += the rows' gradients, and through the router with the auxiliary losses.
  void finish_backward(Stream& stream, const Tensor& h, const FfnLayerSaved& saved,
                       const Tensor& d_gates, const AuxiliarySlopes& auxiliary, FfnFlight& flight,
                       const Tensor& dh) const;

  bool is_dense() const { return !mixture_; }
  /// All of a dense model's FFN, for which the others do nothing: y (n, d_model) = x + FFN(h),
  /// fp32.
  void dense(Stream& stream, const Tensor& h, FfnLayerSaved& saved, const Tensor& x,
             const Tensor& y) const;
  /// dh (n, d_model) fp32 = its gradient, from dy (n, d_model) of h's dtype.
  void dense_backward(Stream& stream, const FfnLayerSaved& saved, const Tensor& dy,
                      const Tensor& dh) const;

 private:
  void order_rows(Stream& stream, const ExpertCapacity& capacity, FfnLayerSaved& saved) const;
  std::vector<std::int32_t> counts_of_all(Stream& stream, const Tensor& own) const;
  std::vector<std::int32_t> counts_at(const ExpertCapacity& capacity) const;
  void run_experts(Stream& stream, std::span<const ItemRange> ranges, const Tensor& rows,
                   std::vector<FfnSaved>& saved, const Tensor& answers) const;
  void run_experts_backward(Stream& stream, std::span<const ItemRange> ranges,
                            const std::vector<FfnSaved>& saved, const Tensor& gradients,
                            const Tensor& inputs) const;

  std::optional<FfnMixture> mixture_;
  std::optional<Router> router_;
  std::vector<Replicas> placed_;    // of all experts
  std::vector<FfnExpert> experts_;  // those held here, ascending
  Exchange& exchange_;
};

}  // namespace bam
