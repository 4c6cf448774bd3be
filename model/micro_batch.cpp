#include "model/micro_batch.h"

#include <algorithm>
#include <numeric>

#include "model/attention_division.h"
#include "runtime/elementwise.h"
#include "runtime/host.h"
#include "runtime/sparse_gates.h"

namespace bam {
namespace {

std::vector<int> first_experts(int count) {
  std::vector<int> experts(static_cast<std::size_t>(count));
  std::iota(experts.begin(), experts.end(), 0);
  return experts;
}

// starts: document edges (n) of the sequences' rank; documents: as in AttentionShape.
SequenceRows rows_of(Stream& stream, const ModelConfig& config, std::int64_t length,
                     ItemRange sequences, const Tensor& starts, std::int64_t documents) {
  const std::int64_t first_row = sequences.begin * length;
  const std::int64_t rows = sequences.count() * length;
  std::vector<std::int32_t> positions(static_cast<std::size_t>(rows));
  for (std::size_t row = 0; row < positions.size(); ++row) {
    positions[row] = static_cast<std::int32_t>(static_cast<std::int64_t>(row) % length);
  }
  return {
      .shape = {sequences.count(), length, config.n_heads, config.n_kv_heads, config.head_dim(),
                documents},
      .positions = to_device(stream, {rows}, positions),
      .rows = ascending(stream, 0, rows),
      .document_starts = shifted(stream, starts.slice(first_row, first_row + rows), -first_row)};
}

// The document edges of every rank of the group, this one's included.
std::vector<Tensor> shared_edges(Stream& stream, const Batch& batch, Exchange& exchange) {
  std::vector<Tensor> edges;
  std::vector<Transfer> sends;
  std::vector<Transfer> receives;
  for (int peer = 0; peer < exchange.ranks(); ++peer) {
    if (peer == exchange.rank()) {
      edges.push_back(batch.document_starts);
      continue;
    }
    const std::int64_t rows =
        batch.rank_sequences.at(static_cast<std::size_t>(peer)) * batch.length;
    edges.emplace_back(stream, Shape{rows}, DType::kInt32);
    sends.push_back({peer, batch.document_starts});
    receives.push_back({peer, edges.back()});
  }
  exchange.start(stream, std::move(sends), std::move(receives)).wait(stream);
  return edges;
}

// In some of a rank's sequences, as in AttentionShape; the others have one each at least.
std::int64_t documents_of(const Batch& batch, std::size_t rank, std::int64_t sequences) {
  if (batch.rank_documents.empty()) {
    return AttentionShape::kNotKnown;
  }
  const std::int64_t all = batch.rank_documents.at(rank);
  return all <= 0 ? all : all - (batch.rank_sequences.at(rank) - sequences);
}

// Lays out the routes of one micro-batch, one at a time.
class RouteMaker {
 public:
  RouteMaker(Stream& stream, const ModelConfig& config, const Batch& batch, Exchange& exchange,
             int slices_per_peer)
      : stream_(stream),
        config_(config),
        batch_(batch),
        rank_(exchange.rank()),
        ranks_(exchange.ranks()),
        slices_per_peer_(slices_per_peer),
        edges_(shared_edges(stream, batch, exchange)) {}

  AttentionRoute route(const std::vector<Replicas>& experts) const {
    const AttentionDivision division(experts, batch_.rank_sequences);
    AttentionRoute route;
    for (const SequencePart& part : division.between(rank_, rank_, 1)) {
      route.own.push_back({part.sequences.begin * batch_.length, part.sequences.end * batch_.length,
                           attention_part(rank_, part)});
    }
    for (int distance = 1; distance < ranks_; ++distance) {
      add_steps(division, distance, route.ring);
    }
    return route;
  }

 private:
  AttentionPart attention_part(int source, const SequencePart& part) const {
    const auto rank = static_cast<std::size_t>(source);
    return {rows_of(stream_, config_, batch_.length, part.sequences, edges_[rank],
                    documents_of(batch_, rank, part.sequences.count())),
            part.experts};
  }

  // As many steps as the pair of ranks with the most parts needs, so that all ranks have as many.
  void add_steps(const AttentionDivision& division, int distance,
                 std::vector<RingStep>& ring) const {
    const auto parts = [&](int source) {
      return division.between(source, (source - distance + ranks_) % ranks_, slices_per_peer_);
    };
    std::size_t steps = 0;
    for (int source = 0; source < ranks_; ++source) {
      steps = std::max(steps, parts(source).size());
    }
    const int source = (rank_ + distance) % ranks_;
    const std::vector<SequencePart> theirs = parts(source);
    const std::vector<SequencePart> lent = parts(rank_);
    for (std::size_t i = 0; i < steps; ++i) {
      RingStep step;
      if (i < theirs.size()) {
        step.theirs = RingStep::Theirs{source, attention_part(source, theirs[i])};
      }
      if (i < lent.size()) {
        step.lent = RingStep::Lent{(rank_ - distance + ranks_) % ranks_,
                                   lent[i].sequences.begin * batch_.length,
                                   lent[i].sequences.end * batch_.length, lent[i].experts};
      }
      ring.push_back(std::move(step));
    }
  }

  Stream& stream_;
  const ModelConfig& config_;
  const Batch& batch_;
  int rank_;
  int ranks_;
  int slices_per_peer_;
  std::vector<Tensor> edges_;  // of each rank
};

// All rows at `experts` of this rank, in every layer.
MicroBatch at_home(const ModelConfig& config, SequenceRows rows, std::vector<int> experts) {
  const std::int64_t count = rows.count();
  AttentionRoute route{.own = {{0, count, {std::move(rows), std::move(experts)}}}, .ring = {}};
  return {.routes = {std::move(route)},
          .route_of_layer = std::vector<std::size_t>(static_cast<std::size_t>(config.n_layers)),
          .capacity = {}};
}

}  // namespace

MicroBatch lay_out(Stream& stream, const ModelConfig& config, const Batch& batch,
                   const Placement& placement, Exchange& exchange, int slices_per_peer) {
  if (!config.has_attention_experts()) {
    const auto rank = static_cast<std::size_t>(exchange.rank());
    return at_home(config,
                   rows_of(stream, config, batch.length, {0, batch.sequences},
                           batch.document_starts, documents_of(batch, rank, batch.sequences)),
                   first_experts(1));
  }
  const RouteMaker maker(stream, config, batch, exchange, slices_per_peer);
  MicroBatch out;
  std::vector<const std::vector<Replicas>*> placed;  // the layer's that each route was made for
  for (const LayerPlacement& layer : placement.layers) {
    const auto same = [&](const auto* other) { return *other == layer.attention; };
    const auto found = std::ranges::find_if(placed, same);
    out.route_of_layer.push_back(static_cast<std::size_t>(found - placed.begin()));
    if (found == placed.end()) {
      placed.push_back(&layer.attention);
      out.routes.push_back(maker.route(layer.attention));
    }
  }
  return out;
}

MicroBatch lay_out_next(Stream& stream, const ModelConfig& config, std::int64_t seen,
                        std::int64_t count) {
  const Tensor starts(stream, {seen + count}, DType::kInt32);
  fill_zero(stream, starts);
  const Tensor rows = ascending(stream, seen, count);
  const int experts = config.has_attention_experts() ? config.attention_experts() : 1;
  return at_home(config,
                 {.shape = {1, seen + count, config.n_heads, config.n_kv_heads, config.head_dim()},
                  .positions = rows,
                  .rows = rows,
                  .document_starts = starts},
                 first_experts(experts));
}

}  // namespace bam
