#include "model/micro_batch.h"

#include "runtime/elementwise.h"
#include "runtime/sparse_gates.h"

namespace bam {
namespace {

SequenceRows sequence_rows(Stream& stream, const ModelConfig& config, std::int64_t sequences,
                           std::int64_t length, Tensor document_starts) {
  SequenceRows out{.shape = {sequences, length, config.n_heads, config.n_kv_heads,
                             config.head_dim()},
                   .positions = ascending(stream, 0, sequences * length),
                   .rows = ascending(stream, 0, sequences * length),
                   .document_starts = std::move(document_starts)};
  for (std::int32_t& position : out.positions.span<std::int32_t>()) {
    position %= static_cast<std::int32_t>(length);
  }
  return out;
}

struct Piece {
  std::int64_t first = 0;  // sequences [first, last) of their rank
  std::int64_t last = 0;
};

Piece piece_of(std::int64_t sequences, int piece, int pieces) {
  return {sequences * piece / pieces, sequences * (piece + 1) / pieces};
}

RingStep ring_step(Stream& stream, const ModelConfig& config, const Batch& batch,
                   const Exchange& exchange, int distance, Piece theirs, Piece lent) {
  const int ranks = exchange.ranks();
  const std::int64_t sequences = theirs.last - theirs.first;
  Tensor starts(stream, {sequences * batch.length}, DType::kInt32);
  return {.source = (exchange.rank() + distance) % ranks,
          .theirs = sequence_rows(stream, config, sequences, batch.length, starts),
          .borrower = (exchange.rank() - distance + ranks) % ranks,
          .lent_begin = lent.first * batch.length,
          .lent_end = lent.last * batch.length};
}

}  // namespace

MicroBatch lay_out(Stream& stream, const ModelConfig& config, const Batch& batch,
                   Exchange& exchange, int slices_per_peer) {
  MicroBatch out{.own = sequence_rows(stream, config, batch.sequences, batch.length,
                                      batch.document_starts),
                 .ring = {}};
  if (!config.has_attention_experts()) {
    return out;
  }
  std::vector<Pending> edges;
  std::vector<std::int64_t> first_rows;
  for (int distance = 1; distance < exchange.ranks(); ++distance) {
    const auto source = static_cast<std::size_t>((exchange.rank() + distance) % exchange.ranks());
    for (int p = 0; p < slices_per_peer; ++p) {
      const Piece theirs = piece_of(batch.rank_sequences.at(source), p, slices_per_peer);
      const Piece lent = piece_of(batch.sequences, p, slices_per_peer);
      RingStep step = ring_step(stream, config, batch, exchange, distance, theirs, lent);
      const Tensor lent_starts = batch.document_starts.slice(step.lent_begin, step.lent_end);
      edges.push_back(exchange.start(stream, {{step.borrower, lent_starts}},
                                     {{step.source, step.theirs.document_starts}}));
      first_rows.push_back(theirs.first * batch.length);
      out.ring.push_back(std::move(step));
    }
  }
  for (std::size_t i = 0; i < edges.size(); ++i) {
    edges[i].wait(stream);
    for (std::int32_t& start : out.ring[i].theirs.document_starts.span<std::int32_t>()) {
      start -= static_cast<std::int32_t>(first_rows[i]);
    }
  }
  return out;
}

MicroBatch lay_out_next(Stream& stream, const ModelConfig& config, std::int64_t seen,
                        std::int64_t count) {
  const Tensor starts(stream, {seen + count}, DType::kInt32);
  fill_zero(stream, starts);
  const Tensor rows = ascending(stream, seen, count);
  return {.own = {.shape = {1, seen + count, config.n_heads, config.n_kv_heads, config.head_dim()},
                  .positions = rows,
                  .rows = rows,
                  .document_starts = starts},
          .ring = {}};
}

}  // namespace bam
