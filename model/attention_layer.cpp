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

// Rows [begin, end); empty where there are no gates.
Tensor rows_of(const Tensor& gates, std::int64_t begin, std::int64_t end) {
  return gates.shape().empty() ? Tensor() : gates.slice(begin, end);
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
    : layer_(layer),
      mixture_(config.has_attention_experts() ? config.mixture->attention : std::nullopt),
      experts_(config, store, layer,
               mixture_ ? experts_on(placed(placement, layer).attention, exchange.rank())
                        : std::vector<int>{0}),
      exchange_(exchange) {
  if (mixture_ && mixture_->has_router()) {
    router_.emplace(store, "layers." + std::to_string(layer) + ".attention_router");
  }
}

Tensor AttentionLayer::route(Stream& stream, const Tensor& h, RouterSaved& saved) const {
  if (!mixture_) {
    return {};
  }
  Tensor gates(stream, {h.rows(), mixture_->experts}, DType::kFloat32);
  if (!router_) {
    fill(stream, gates, 1.0F / static_cast<float>(mixture_->experts));
    return gates;
  }
  saved = router_->route(stream, h);
  if (!sparse()) {
    return saved.probabilities;
  }
  saved.choices = Tensor(stream, {h.rows(), mixture_->top_k}, DType::kInt32);
  saved.gates = Tensor(stream, saved.choices.shape(), DType::kFloat32);
  top_k(stream, saved.probabilities, saved.choices);
  chosen_gates(stream, saved.probabilities, saved.choices, gates_of(*mixture_), saved.gates);
  spread_gates(stream, saved.choices, saved.gates, gates);
  return gates;
}

// Empty: all.
Tensor AttentionLayer::rows_returned(Stream& stream, const Tensor& gates,
                                     const std::vector<int>& experts) const {
  return sparse() ? rows_using(stream, gates, std::span(&experts, 1)).front() : Tensor();
}

void AttentionLayer::start(Stream& stream, const MicroBatch& micro, const Tensor& h,
                           AttentionLayerSaved& saved, AttentionFlight& flight) const {
  saved.h = h;
  saved.gates = route(stream, h, saved.router);
  for (const OwnPart& own : micro.route(layer_).own) {
    saved.own.push_back({.h = h.slice(own.begin, own.end),
                         .gates = rows_of(saved.gates, own.begin, own.end),
                         .shared_kv = {},
                         .runs = {}});
  }
  for (const RingStep& step : micro.route(layer_).ring) {
    saved.theirs.emplace_back();
    std::vector<Transfer> sends;
    std::vector<Transfer> receives;
    if (step.lent) {
      const auto& [borrower, begin, end, experts] = *step.lent;
      sends = {{borrower, h.slice(begin, end)}, {borrower, saved.gates.slice(begin, end)}};
    }
    if (step.theirs) {
      const std::int64_t rows = step.theirs->part.sequences.count();
      AttentionSliceSaved& slice = saved.theirs.back();
      slice.h = Tensor(stream, {rows, h.cols()}, h.dtype());
      slice.gates = Tensor(stream, {rows, mixture_->experts}, DType::kFloat32);
      receives = {{step.theirs->source, slice.h}, {step.theirs->source, slice.gates}};
    }
    flight.borrowed.push_back(exchange_.start(stream, std::move(sends), std::move(receives)));
  }
}

void AttentionLayer::own(Stream& stream, const MicroBatch& micro, const Tensor& rope_table,
                         AttentionLayerSaved& saved, const Tensor& sum, LayerCache* cache) const {
  const std::vector<OwnPart>& parts = micro.route(layer_).own;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    experts_.forward(stream, parts[i].part, rope_table, saved.own[i],
                     sum.slice(parts[i].begin, parts[i].end), cache);
  }
}

void AttentionLayer::others(Stream& stream, const MicroBatch& micro, const Tensor& rope_table,
                            AttentionLayerSaved& saved, AttentionFlight& flight) const {
  const std::vector<RingStep>& ring = micro.route(layer_).ring;
  const std::int64_t width = saved.h.cols();
  const DType dtype = saved.h.dtype();
  for (std::size_t i = 0; i < ring.size(); ++i) {
    std::vector<Transfer> sends;
    std::vector<Transfer> receives;
    flight.borrowed[i].wait(stream);
    if (ring[i].theirs) {
      const auto& [source, part] = *ring[i].theirs;
      const Tensor sum = zeros(stream, {part.sequences.count(), width});
      experts_.forward(stream, part, rope_table, saved.theirs[i], sum);
      const Tensor rows = rows_returned(stream, saved.theirs[i].gates, part.experts);
      sends = {{source, packed(stream, as_dtype(stream, sum, dtype), rows)}};
    }
    flight.inbox.emplace_back();
    flight.inbox_rows.emplace_back();
    if (ring[i].lent) {
      const auto& [borrower, begin, end, experts] = *ring[i].lent;
      flight.inbox_rows[i] = rows_returned(stream, saved.gates.slice(begin, end), experts);
      const std::int64_t rows = sparse() ? flight.inbox_rows[i].rows() : end - begin;
      flight.inbox[i] = Tensor(stream, {rows, width}, dtype);
      receives = {{borrower, flight.inbox[i]}};
    }
    flight.returned.push_back(exchange_.start(stream, std::move(sends), std::move(receives)));
  }
}

void AttentionLayer::finish(Stream& stream, const MicroBatch& micro, AttentionFlight& flight,
                            const Tensor& sum) const {
  const std::vector<RingStep>& ring = micro.route(layer_).ring;
  for (std::size_t i = 0; i < ring.size(); ++i) {
    flight.returned[i].wait(stream);
    if (ring[i].lent) {
      add_packed(stream, flight.inbox[i], flight.inbox_rows[i],
                 sum.slice(ring[i].lent->begin, ring[i].lent->end));
    }
  }
}

void AttentionLayer::start_backward(Stream& stream, const MicroBatch& micro,
                                    const AttentionLayerSaved& saved, const Tensor& dy,
                                    AttentionFlight& flight) const {
  const std::vector<RingStep>& ring = micro.route(layer_).ring;
  for (std::size_t i = 0; i < ring.size(); ++i) {
    std::vector<Transfer> sends;
    std::vector<Transfer> receives;
    if (ring[i].lent) {
      const auto& [borrower, begin, end, experts] = *ring[i].lent;
      const Tensor rows = rows_returned(stream, saved.gates.slice(begin, end), experts);
      sends = {{borrower, packed(stream, dy.slice(begin, end), rows)}};
    }
    flight.gradients.emplace_back();
    flight.inbox_rows.emplace_back();
    if (ring[i].theirs) {
      const auto& [source, part] = *ring[i].theirs;
      flight.inbox_rows[i] = rows_returned(stream, saved.theirs[i].gates, part.experts);
      const std::int64_t rows = sparse() ? flight.inbox_rows[i].rows() : part.sequences.count();
      flight.gradients[i] = Tensor(stream, {rows, dy.cols()}, dy.dtype());
      receives = {{source, flight.gradients[i]}};
    }
    flight.borrowed.push_back(exchange_.start(stream, std::move(sends), std::move(receives)));
  }
}

void AttentionLayer::own_backward(Stream& stream, const MicroBatch& micro, const Tensor& rope_table,
                                  const AttentionLayerSaved& saved, const Tensor& dy,
                                  const Tensor& dh, const Tensor& d_gates) const {
  const std::vector<OwnPart>& parts = micro.route(layer_).own;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto& [begin, end, part] = parts[i];
    experts_.backward(stream, part, rope_table, saved.own[i], dy.slice(begin, end),
                      dh.slice(begin, end), rows_of(d_gates, begin, end));
  }
}

void AttentionLayer::others_backward(Stream& stream, const MicroBatch& micro,
                                     const Tensor& rope_table, const AttentionLayerSaved& saved,
                                     AttentionFlight& flight) const {
  const std::vector<RingStep>& ring = micro.route(layer_).ring;
  const std::int64_t width = saved.h.cols();
  const DType dtype = saved.h.dtype();
  for (std::size_t i = 0; i < ring.size(); ++i) {
    std::vector<Transfer> sends;
    std::vector<Transfer> receives;
    flight.borrowed[i].wait(stream);
    if (ring[i].theirs) {
      const auto& [source, part] = *ring[i].theirs;
      const std::int64_t rows = part.sequences.count();
      Tensor dy = flight.gradients[i];
      if (sparse()) {
        const Tensor spread = zeros(stream, {rows, width});
        scatter_add_rows(stream, dy, flight.inbox_rows[i], spread);
        dy = as_dtype(stream, spread, dtype);
      }
      const Tensor dh = zeros(stream, {rows, width});
      const Tensor d_gates = gate_gradients(stream, rows);
      experts_.backward(stream, part, rope_table, saved.theirs[i], dy, dh, d_gates);
      sends = {{source, as_dtype(stream, dh, dtype)}, {source, d_gates}};
    }
    flight.inbox.emplace_back();
    flight.gates_inbox.emplace_back();
    if (ring[i].lent) {
      const auto& [borrower, begin, end, experts] = *ring[i].lent;
      flight.inbox[i] = Tensor(stream, {end - begin, width}, dtype);
      flight.gates_inbox[i] = Tensor(stream, {end - begin, mixture_->experts}, DType::kFloat32);
      receives = {{borrower, flight.inbox[i]}, {borrower, flight.gates_inbox[i]}};
    }
    flight.returned.push_back(exchange_.start(stream, std::move(sends), std::move(receives)));
  }
}

void AttentionLayer::finish_backward(Stream& stream, const MicroBatch& micro,
                                     const AttentionLayerSaved& saved, double z_scale,
                                     AttentionFlight& flight, const Tensor& dh,
                                     const Tensor& d_gates) const {
  const std::vector<RingStep>& ring = micro.route(layer_).ring;
  for (std::size_t i = 0; i < ring.size(); ++i) {
    flight.returned[i].wait(stream);
    if (ring[i].lent) {
      const auto& [borrower, begin, end, experts] = *ring[i].lent;
      add(stream, flight.inbox[i], dh.slice(begin, end));
      add(stream, flight.gates_inbox[i], d_gates.slice(begin, end));
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
  router_->backward(stream, saved.h, saved.router, z_scale, d_gates, dh);
}

Tensor AttentionLayer::gate_gradients(Stream& stream, std::int64_t n) const {
  return mixture_ ? zeros(stream, {n, mixture_->experts}) : Tensor();
}

}  // namespace bam
