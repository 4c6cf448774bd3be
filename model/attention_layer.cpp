#include "model/attention_layer.h"

#include <algorithm>

#include "model/linear.h"
#include "runtime/elementwise.h"
#include "runtime/sparse_gates.h"

namespace bam {
namespace {

const LayerPlacement& placed(const Placement& placement, int layer) {
  return placement.layers.at(static_cast<std::size_t>(layer));
}

Tensor zeros(Stream& stream, const Shape& shape) {
  Tensor out(stream, shape, DType::kFloat32);
  fill_zero(stream, out);
  return out;
}

// `rows` of `values`, or all of them.
Tensor packed(Stream& stream, const Tensor& values, const Tensor& rows) {
  if (rows.shape().empty()) {
    return values;
  }
  Tensor out(stream, {rows.rows(), values.cols()}, values.dtype());
  gather_rows(stream, values, rows, out);
  return out;
}

// sum[rows] += values, or sum += values where all rows are meant.
void add_packed(Stream& stream, const Tensor& values, const Tensor& rows, const Tensor& sum) {
  if (rows.shape().empty()) {
    add(stream, values, sum);
  } else {
    scatter_add_rows(stream, values, rows, sum);
  }
}

Gates gates_of(const AttentionMixture& mixture) {
  return mixture.renormalise ? Gates::kRenormalised : Gates::kAsTheyAre;
}

}  // namespace

AttentionLayer::AttentionLayer(const ModelConfig& config, const ParameterStore& store,
                               const Placement& placement, int layer, Exchange& exchange)
    : mixture_(config.has_attention_experts() ? config.mixture->attention : std::nullopt),
      experts_(config, store, layer,
               mixture_ ? experts_on(placed(placement, layer).attention, exchange.rank())
                        : std::vector<int>{0}),
      exchange_(exchange) {
  if (!mixture_) {
    return;
  }
  for (int rank = 0; rank < exchange.ranks(); ++rank) {
    held_by_.push_back(experts_on(placed(placement, layer).attention, rank));
  }
  if (mixture_->has_router()) {
    router_.emplace(store, "layers." + std::to_string(layer) + ".attention_router");
  }
}

Tensor AttentionLayer::route(Stream& stream, const Tensor& h32, RouterSaved& saved) const {
  if (!mixture_) {
    return {};
  }
  Tensor gates(stream, {h32.rows(), mixture_->experts}, DType::kFloat32);
  if (!router_) {
    std::ranges::fill(gates.span<float>(), 1.0F / static_cast<float>(mixture_->experts));
    return gates;
  }
  saved = router_->route(stream, h32);
  if (!sparse()) {
    return saved.probabilities;
  }
  saved.choices = Tensor(stream, {h32.rows(), mixture_->top_k}, DType::kInt32);
  saved.gates = Tensor(stream, saved.choices.shape(), DType::kFloat32);
  top_k(stream, saved.probabilities, saved.choices);
  chosen_gates(stream, saved.probabilities, saved.choices, gates_of(*mixture_), saved.gates);
  spread_gates(stream, saved.choices, saved.gates, gates);
  return gates;
}

Tensor AttentionLayer::rows_returned(Stream& stream, const Tensor& gates, int holder) const {
  return sparse() ? rows_using(stream, gates, held_by_[holder]) : Tensor();
}

void AttentionLayer::start(Stream& stream, const MicroBatch& micro, const Tensor& h,
                           const Tensor& h32, AttentionLayerSaved& saved,
                           AttentionFlight& flight) const {
  saved.slices.resize(1 + micro.ring.size());
  saved.slices[0].h = h;
  saved.slices[0].gates = route(stream, h32, saved.router);
  for (std::size_t i = 0; i < micro.ring.size(); ++i) {
    const RingStep& step = micro.ring[i];
    AttentionSliceSaved& slice = saved.slices[i + 1];
    std::vector<Transfer> sends;
    std::vector<Transfer> receives;
    if (holds(step.borrower)) {
      sends = {{step.borrower, h.slice(step.lent_begin, step.lent_end)},
               {step.borrower, saved.slices[0].gates.slice(step.lent_begin, step.lent_end)}};
    }
    if (holds(exchange_.rank())) {
      slice.h = Tensor(stream, {step.theirs.count(), h.cols()}, h.dtype());
      slice.gates = Tensor(stream, {step.theirs.count(), mixture_->experts}, DType::kFloat32);
      receives = {{step.source, slice.h}, {step.source, slice.gates}};
    }
    flight.borrowed.push_back(exchange_.start(stream, std::move(sends), std::move(receives)));
  }
}

void AttentionLayer::own(Stream& stream, const MicroBatch& micro, const Tensor& rope_table,
                         AttentionLayerSaved& saved, const Tensor& sum,
                         LayerCache* cache) const {
  experts_.forward(stream, micro.own, rope_table, saved.slices[0], sum, cache);
}

void AttentionLayer::others(Stream& stream, const MicroBatch& micro, const Tensor& rope_table,
                            AttentionLayerSaved& saved, AttentionFlight& flight) const {
  for (std::size_t i = 0; i < micro.ring.size(); ++i) {
    const RingStep& step = micro.ring[i];
    AttentionSliceSaved& slice = saved.slices[i + 1];
    const std::int64_t width = saved.slices[0].h.cols();
    const DType dtype = saved.slices[0].h.dtype();
    std::vector<Transfer> sends;
    std::vector<Transfer> receives;
    flight.borrowed[i].wait(stream);
    if (holds(exchange_.rank())) {
      const Tensor sum = zeros(stream, {step.theirs.count(), width});
      experts_.forward(stream, step.theirs, rope_table, slice, sum);
      const Tensor rows = rows_returned(stream, slice.gates, exchange_.rank());
      sends = {{step.source, packed(stream, as_dtype(stream, sum, dtype), rows)}};
    }
    flight.inbox.emplace_back();
    flight.inbox_rows.emplace_back();
    if (holds(step.borrower)) {
      const Tensor gates = saved.slices[0].gates.slice(step.lent_begin, step.lent_end);
      flight.inbox_rows[i] = rows_returned(stream, gates, step.borrower);
      const std::int64_t rows =
          sparse() ? flight.inbox_rows[i].rows() : step.lent_end - step.lent_begin;
      flight.inbox[i] = Tensor(stream, {rows, width}, dtype);
      receives = {{step.borrower, flight.inbox[i]}};
    }
    flight.returned.push_back(exchange_.start(stream, std::move(sends), std::move(receives)));
  }
}

void AttentionLayer::finish(Stream& stream, const MicroBatch& micro, AttentionFlight& flight,
                            const Tensor& sum) const {
  for (std::size_t i = 0; i < micro.ring.size(); ++i) {
    const RingStep& step = micro.ring[i];
    flight.returned[i].wait(stream);
    if (holds(step.borrower)) {
      add_packed(stream, flight.inbox[i], flight.inbox_rows[i],
                 sum.slice(step.lent_begin, step.lent_end));
    }
  }
}

void AttentionLayer::start_backward(Stream& stream, const MicroBatch& micro,
                                    const AttentionLayerSaved& saved, const Tensor& dy,
                                    AttentionFlight& flight) const {
  for (std::size_t i = 0; i < micro.ring.size(); ++i) {
    const RingStep& step = micro.ring[i];
    std::vector<Transfer> sends;
    std::vector<Transfer> receives;
    if (holds(step.borrower)) {
      const Tensor gates = saved.slices[0].gates.slice(step.lent_begin, step.lent_end);
      const Tensor lent = dy.slice(step.lent_begin, step.lent_end);
      sends = {{step.borrower, packed(stream, lent, rows_returned(stream, gates, step.borrower))}};
    }
    flight.gradients.emplace_back();
    flight.inbox_rows.emplace_back();
    if (holds(exchange_.rank())) {
      flight.inbox_rows[i] = rows_returned(stream, saved.slices[i + 1].gates, exchange_.rank());
      const std::int64_t rows = sparse() ? flight.inbox_rows[i].rows() : step.theirs.count();
      flight.gradients[i] = Tensor(stream, {rows, dy.cols()}, dy.dtype());
      receives = {{step.source, flight.gradients[i]}};
    }
    flight.borrowed.push_back(exchange_.start(stream, std::move(sends), std::move(receives)));
  }
}

void AttentionLayer::own_backward(Stream& stream, const MicroBatch& micro,
                                  const Tensor& rope_table, const AttentionLayerSaved& saved,
                                  const Tensor& dy, const Tensor& dh,
                                  const Tensor& d_gates) const {
  experts_.backward(stream, micro.own, rope_table, saved.slices[0], dy, dh, d_gates);
}

void AttentionLayer::others_backward(Stream& stream, const MicroBatch& micro,
                                     const Tensor& rope_table, const AttentionLayerSaved& saved,
                                     AttentionFlight& flight) const {
  for (std::size_t i = 0; i < micro.ring.size(); ++i) {
    const RingStep& step = micro.ring[i];
    const AttentionSliceSaved& slice = saved.slices[i + 1];
    const std::int64_t width = saved.slices[0].h.cols();
    const DType dtype = saved.slices[0].h.dtype();
    std::vector<Transfer> sends;
    std::vector<Transfer> receives;
    flight.borrowed[i].wait(stream);
    if (holds(exchange_.rank())) {
      Tensor dy = flight.gradients[i];
      if (sparse()) {
        const Tensor spread = zeros(stream, {step.theirs.count(), width});
        scatter_add_rows(stream, dy, flight.inbox_rows[i], spread);
        dy = as_dtype(stream, spread, dtype);
      }
      const Tensor dh = zeros(stream, {step.theirs.count(), width});
      const Tensor d_gates = gate_gradients(stream, step.theirs.count());
      experts_.backward(stream, step.theirs, rope_table, slice, dy, dh, d_gates);
      sends = {{step.source, as_dtype(stream, dh, dtype)}, {step.source, d_gates}};
    }
    flight.inbox.emplace_back();
    flight.gates_inbox.emplace_back();
    if (holds(step.borrower)) {
      const std::int64_t rows = step.lent_end - step.lent_begin;
      flight.inbox[i] = Tensor(stream, {rows, width}, dtype);
      flight.gates_inbox[i] = Tensor(stream, {rows, mixture_->experts}, DType::kFloat32);
      receives = {{step.borrower, flight.inbox[i]}, {step.borrower, flight.gates_inbox[i]}};
    }
    flight.returned.push_back(exchange_.start(stream, std::move(sends), std::move(receives)));
  }
}

void AttentionLayer::finish_backward(Stream& stream, const MicroBatch& micro, const Tensor& h32,
                                     const AttentionLayerSaved& saved, double z_scale,
                                     AttentionFlight& flight, const Tensor& dh,
                                     const Tensor& d_gates) const {
  for (std::size_t i = 0; i < micro.ring.size(); ++i) {
    const RingStep& step = micro.ring[i];
    flight.returned[i].wait(stream);
    if (holds(step.borrower)) {
      add(stream, flight.inbox[i], dh.slice(step.lent_begin, step.lent_end));
      add(stream, flight.gates_inbox[i], d_gates.slice(step.lent_begin, step.lent_end));
    }
  }
  if (!router_) {
    return;
  }
  if (sparse()) {
    const Tensor picked(stream, saved.router.gates.shape(), DType::kFloat32);
    pick_gates(stream, saved.router.choices, d_gates, picked);
    chosen_gates_backward(stream, saved.router.probabilities, saved.router.choices,
                          gates_of(*mixture_), picked, d_gates);
  }
  router_->backward(stream, h32, saved.router, z_scale, d_gates, dh);
}

Tensor AttentionLayer::gate_gradients(Stream& stream, std::int64_t n) const {
  return mixture_ ? zeros(stream, {n, mixture_->experts}) : Tensor();
}

}  // namespace bam
