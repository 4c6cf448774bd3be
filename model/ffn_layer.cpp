#include "model/ffn_layer.h"

#include <algorithm>
#include <numeric>

#include "model/linear.h"
#include "runtime/elementwise.h"
#include "runtime/host.h"
#include "runtime/sparse_gates.h"

namespace bam {
namespace {

Gates gates_of(const FfnMixture& mixture) {
  return mixture.renormalise ? Gates::kRenormalised : Gates::kAsTheyAre;
}

// The outbox's order.
std::vector<int> ascending(std::size_t experts) {
  std::vector<int> order(experts);
  std::iota(order.begin(), order.end(), 0);
  return order;
}

}  // namespace

std::vector<float> balance_slopes(const FfnMixture& mixture, const BalanceTerm& term) {
  const double scale = mixture.balance_loss * mixture.experts * term.share / term.rows;
  std::vector<float> slopes;
  for (const double load : term.load_share) {
    slopes.push_back(static_cast<float>(scale * load));
  }
  return slopes;
}

FfnLayer::FfnLayer(const ModelConfig& config, const ParameterStore& store,
                   const Placement& placement, int layer, Exchange& exchange)
    : exchange_(exchange) {
  if (!config.mixture) {
    experts_.emplace_back(store, layer, "");
    return;
  }
  mixture_ = config.mixture->ffn;
  router_.emplace(store, "layers." + std::to_string(layer) + ".ffn_router");
  placed_ = placement.layers.at(static_cast<std::size_t>(layer)).ffn;
  for (const int expert : experts_on(placed_, exchange.rank())) {
    experts_.emplace_back(store, layer, "[" + std::to_string(expert) + "]");
  }
}

void FfnLayer::start(Stream& stream, const ExpertCapacity& capacity, const Tensor& h,
                     FfnLayerSaved& saved, FfnFlight& flight) const {
  if (!mixture_) {
    return;
  }
  saved.router = router_->route(stream, h);
  saved.router.choices = Tensor(stream, {h.rows(), mixture_->top_k}, DType::kInt32);
  saved.router.gates = Tensor(stream, saved.router.choices.shape(), DType::kFloat32);
  top_k(stream, saved.router.probabilities, saved.router.choices);
  chosen_gates(stream, saved.router.probabilities, saved.router.choices, gates_of(*mixture_),
               saved.router.gates);
  order_rows(stream, capacity, saved);
  flight.outbox = Tensor(stream, {saved.order.token_of_row.rows(), h.cols()}, h.dtype());
  gather_rows(stream, h, saved.order.token_of_row, flight.outbox);
  saved.plan = plan_dispatch(
      placed_, exchange_.ranks(), exchange_.rank(),
      capacity.empty() ? counts_of_all(stream, saved.order.counts) : counts_at(capacity));
  flight.arrivals = Tensor(stream, {saved.plan.arrival_count(), h.cols()}, h.dtype());
  flight.dispatched = start_dispatch(stream, exchange_, saved.plan, flight.outbox, flight.arrivals);
}

void FfnLayer::order_rows(Stream& stream, const ExpertCapacity& capacity,
                          FfnLayerSaved& saved) const {
  saved.order = order_by_expert(stream, saved.router.choices, ascending(placed_.size()));
  if (!capacity.empty()) {
    const auto rank = static_cast<std::size_t>(exchange_.rank());
    saved.order = padded(stream, saved.order, capacity.at(rank));
  }
}

// How many rows each rank sends to each expert: (ranks, experts). Waits for them.
std::vector<std::int32_t> FfnLayer::counts_of_all(Stream& stream, const Tensor& own) const {
  if (exchange_.ranks() == 1) {
    return to_host<std::int32_t>(stream, own);
  }
  const Tensor counts(stream, {exchange_.ranks(), mixture_->experts}, DType::kInt32);
  const Tensor my_row = counts.slice(exchange_.rank(), exchange_.rank() + 1);
  copy(stream, own, my_row);
  std::vector<Transfer> sends;
  std::vector<Transfer> receives;
  for (int peer = 0; peer < exchange_.ranks(); ++peer) {
    if (peer != exchange_.rank()) {
      sends.push_back({peer, my_row});
      receives.push_back({peer, counts.slice(peer, peer + 1)});
    }
  }
  exchange_.start(stream, std::move(sends), std::move(receives)).wait(stream);
  return to_host<std::int32_t>(stream, counts);
}

// The same, padded to what each rank sends to any expert. Waits for nothing.
std::vector<std::int32_t> FfnLayer::counts_at(const ExpertCapacity& capacity) const {
  std::vector<std::int32_t> counts;
  for (const std::int64_t rows : capacity) {
    counts.insert(counts.end(), placed_.size(), static_cast<std::int32_t>(rows));
  }
  return counts;
}

void FfnLayer::run_experts(Stream& stream, std::span<const ItemRange> ranges, const Tensor& rows,
                           std::vector<FfnSaved>& saved, const Tensor& answers) const {
  std::vector<Tensor> inputs;
  std::vector<Tensor> outputs;
  for (std::size_t e = 0; e < experts_.size(); ++e) {
    inputs.push_back(rows.slice(ranges[e].begin, ranges[e].end));
    outputs.push_back(answers.slice(ranges[e].begin, ranges[e].end));
  }
  saved.resize(experts_.size());
  FfnExpert::forward_each(stream, experts_, inputs, saved, outputs);
}

void FfnLayer::arrivals(Stream& stream, FfnLayerSaved& saved, FfnFlight& flight) const {
  if (!mixture_) {
    return;
  }
  flight.dispatched.wait(stream);
  saved.answers = Tensor(stream, flight.outbox.shape(), flight.outbox.dtype());
  flight.returns = Tensor(stream, flight.arrivals.shape(), flight.arrivals.dtype());
  run_experts(stream, saved.plan.arrivals, flight.arrivals, saved.arrivals, flight.returns);
  flight.combined = start_combine(stream, exchange_, saved.plan, flight.returns, saved.answers);
}

void FfnLayer::own(Stream& stream, FfnLayerSaved& saved, FfnFlight& flight) const {
  if (mixture_) {
    run_experts(stream, saved.plan.own, flight.outbox, saved.own, saved.answers);
  }
}

void FfnLayer::dense(Stream& stream, const Tensor& h, FfnLayerSaved& saved, const Tensor& x,
                     const Tensor& y) const {
  saved.own.resize(1);
  experts_[0].forward(stream, h, saved.own[0], x, y);
}

void FfnLayer::dense_backward(Stream& stream, const FfnLayerSaved& saved, const Tensor& dy,
                              const Tensor& dh) const {
  experts_[0].backward(stream, saved.own[0], dy, dh);
}

void FfnLayer::finish(Stream& stream, FfnLayerSaved& saved, FfnFlight& flight,
                      const Tensor& sum) const {
  if (mixture_) {
    flight.combined.wait(stream);
    combine_rows(stream, saved.answers, saved.order.row_of_slot, saved.router.gates, sum);
  }
}

Tensor FfnLayer::start_backward(Stream& stream, const FfnLayerSaved& saved, const Tensor& dy,
                                FfnFlight& flight) const {
  if (!mixture_) {
    return {};
  }
  Tensor d_gates(stream, saved.router.gates.shape(), DType::kFloat32);
  flight.outbox = Tensor(stream, saved.answers.shape(), saved.answers.dtype());
  if (flight.outbox.rows() != saved.order.row_of_slot.elements()) {
    fill_zero(stream, flight.outbox);  // the padding's gradients
  }
  combine_rows_backward(stream, saved.answers, saved.order.row_of_slot, saved.router.gates, dy,
                        flight.outbox, d_gates);
  flight.arrivals = Tensor(stream, {saved.plan.arrival_count(), dy.cols()}, saved.answers.dtype());
  flight.dispatched = start_dispatch(stream, exchange_, saved.plan, flight.outbox, flight.arrivals);
  return d_gates;
}

// Each expert's rows of `inputs` receive the gradient of its input; they may be those of
// `gradients`.
void FfnLayer::run_experts_backward(Stream& stream, std::span<const ItemRange> ranges,
                                    const std::vector<FfnSaved>& saved, const Tensor& gradients,
                                    const Tensor& inputs) const {
  for (std::size_t e = 0; e < experts_.size(); ++e) {
    experts_[e].backward(stream, saved[e], gradients.slice(ranges[e].begin, ranges[e].end),
                         inputs.slice(ranges[e].begin, ranges[e].end));
  }
}

void FfnLayer::arrivals_backward(Stream& stream, const FfnLayerSaved& saved,
                                 FfnFlight& flight) const {
  if (!mixture_) {
    return;
  }
  flight.dispatched.wait(stream);
  run_experts_backward(stream, saved.plan.arrivals, saved.arrivals, flight.arrivals,
                       flight.arrivals);
  flight.combined = start_combine(stream, exchange_, saved.plan, flight.arrivals, flight.outbox);
}

void FfnLayer::own_backward(Stream& stream, const FfnLayerSaved& saved, FfnFlight& flight) const {
  if (mixture_) {
    run_experts_backward(stream, saved.plan.own, saved.own, flight.outbox, flight.outbox);
  }
}

void FfnLayer::finish_backward(Stream& stream, const Tensor& h, const FfnLayerSaved& saved,
                               const Tensor& d_gates, const AuxiliarySlopes& auxiliary,
                               FfnFlight& flight, const Tensor& dh) const {
  if (!mixture_) {
    return;
  }
  flight.combined.wait(stream);
  const Tensor ones(stream, saved.router.gates.shape(), DType::kFloat32);
  fill(stream, ones, 1.0F);
  combine_rows(stream, flight.outbox, saved.order.row_of_slot, ones, dh);

  const Tensor d_probabilities(stream, saved.router.probabilities.shape(), DType::kFloat32);
  chosen_gates_backward(stream, saved.router.probabilities, saved.router.choices,
                        gates_of(*mixture_), d_gates, d_probabilities);
  add_to_rows(stream, auxiliary.balance, d_probabilities);
  router_->backward(stream, h, saved.router, mixture_->z_loss * auxiliary.per_row, d_probabilities,
                    dh);
}

}  // namespace bam
