#include "parallel/sharded_optimizer.h"

#include <algorithm>
#include <cmath>

#include "runtime/adamw.h"
#include "runtime/check.h"
#include "runtime/elementwise.h"

namespace bam {
namespace {

Tensor tile_of(const Tensor& whole, const Tile& tile) {
  return whole.reshape({whole.elements()}).slice(tile.begin, tile.end);
}

std::span<float> row_of(const Tensor& rows, std::int64_t row) {
  return rows.slice(row, row + 1).span<float>();
}

}  // namespace

ShardedOptimizer::ShardedOptimizer(Stream& stream, ParameterStore& store, Communicator& world,
                                   Communicator& data_group, OptimizerSettings settings)
    : store_(store), world_(world), settings_(std::move(settings)) {
  shards_.push_back(deal(stream, world, /*experts=*/false));
  shards_.push_back(deal(stream, data_group, /*experts=*/true));
}

// Tiles are dealt in inventory order, each rank of the group getting its part of the elements.
ShardedOptimizer::Shard ShardedOptimizer::deal(Stream& stream, Communicator& group, bool experts) {
  std::vector<SharedTile> tiles;
  std::int64_t total = 0;
  for (const Tile& tile : tiles_of(store_.specs())) {
    Parameter* parameter = store_.find(tile.spec);
    if (parameter != nullptr && parameter->spec.is_expert() == experts) {
      tiles.push_back({tile, parameter});
      total += tile.elements();
    }
  }
  std::int64_t before = 0;
  std::vector<Piece> pieces;
  for (SharedTile& shared : tiles) {
    shared.owner = static_cast<int>(before * group.size() / total);
    before += shared.tile.elements();
    pieces.push_back({shared, {}, {}});
    if (shared.owner == group.rank()) {
      take_state(stream, pieces.back());
    }
  }
  return {&group, std::move(pieces), GradientSum(group, tiles)};
}

void ShardedOptimizer::take_state(Stream& stream, Piece& piece) {
  const Tensor value = tile_of(piece.parameter->value, piece.tile);
  piece.master =
      value.dtype() == DType::kFloat32 ? value : Tensor(stream, value.shape(), DType::kFloat32);
  if (!piece.parameter->gradient.empty()) {
    piece.moments = Tensor(stream, {2, piece.tile.elements()}, DType::kFloat32);
    fill_zero(stream, piece.moments);
  }
}

void ShardedOptimizer::gradients_ready(Stream& stream,
                                       const std::function<bool(const ParameterSpec&)>& is_ready) {
  for (Shard& shard : shards_) {
    shard.gradients.ready(stream, is_ready);
  }
}

ShardedOptimizer::StepResult ShardedOptimizer::step(Stream& stream, double learning_rate,
                                                    std::int64_t step, bool loss_is_finite) {
  for (Shard& shard : shards_) {
    shard.gradients.finish(stream);
  }
  double squares = loss_is_finite ? squared_gradient_norm(stream) : std::nan("");
  world_.all_reduce_sum(stream, std::span(&squares, 1)).wait(stream);
  StepResult result{.gradient_norm = std::sqrt(squares), .skipped = !std::isfinite(squares)};
  if (result.skipped) {
    return result;
  }
  const bool clips = settings_.clip_norm > 0 && result.gradient_norm > settings_.clip_norm;
  const double scale = clips ? settings_.clip_norm / result.gradient_norm : 1.0;
  std::vector<Pending> published;  // one shard's new weights travel while the next is updated
  for (Shard& shard : shards_) {
    for (Piece& piece : shard.pieces) {
      if (!piece.moments.empty()) {
        update(stream, piece, learning_rate, scale, step);
      }
    }
    published.push_back(start_publishing(stream, shard, Which::kTrained));
  }
  for (Pending& pending : published) {
    pending.wait(stream);
  }
  return result;
}

double ShardedOptimizer::squared_gradient_norm(Stream& stream) {
  double squares = 0;
  for (const Shard& shard : shards_) {
    for (const Piece& piece : shard.pieces) {
      if (!piece.moments.empty()) {
        squares += squared_norm(stream, tile_of(piece.parameter->gradient, piece.tile));
      }
    }
  }
  return squares;
}

void ShardedOptimizer::update(Stream& stream, Piece& piece, double learning_rate, double scale,
                              std::int64_t step) {
  const AdamwStep coefficients{
      .learning_rate = learning_rate,
      .beta1 = settings_.beta1,
      .beta2 = settings_.beta2,
      .epsilon = settings_.epsilon,
      .weight_decay = decays(piece.parameter->spec) ? settings_.weight_decay : 0,
      .gradient_scale = scale,
      .step = step};
  adamw(stream, coefficients, tile_of(piece.parameter->gradient, piece.tile).span<float>(),
        piece.master.span<float>(), row_of(piece.moments, 0), row_of(piece.moments, 1));
}

bool ShardedOptimizer::decays(const ParameterSpec& spec) const {
  return std::ranges::find(settings_.no_decay, spec.role) == settings_.no_decay.end();
}

void ShardedOptimizer::for_each_owned_tile(const std::function<void(const OwnedTile&)>& visit) {
  for (Shard& shard : shards_) {
    for (Piece& piece : shard.pieces) {
      if (piece.owner != shard.group->rank()) {
        continue;
      }
      OwnedTile owned{piece.tile, piece.master.span<float>(), {}, {}};
      if (!piece.moments.empty()) {
        owned.first_moment = row_of(piece.moments, 0);
        owned.second_moment = row_of(piece.moments, 1);
      }
      visit(owned);
    }
  }
}

void ShardedOptimizer::publish(Stream& stream) {
  for (Shard& shard : shards_) {
    start_publishing(stream, shard, Which::kAll).wait(stream);
  }
}

// BEFORE: each tile's owner has its fp32 weight.  AFTER: every copy has the rounded value.
Pending ShardedOptimizer::start_publishing(Stream& stream, Shard& shard, Which which) {
  Communicator& group = *shard.group;
  std::vector<Transfer> sends;
  std::vector<Transfer> receives;
  for (const Piece& piece : shard.pieces) {
    if (which == Which::kTrained && piece.parameter->gradient.empty()) {
      continue;
    }
    const Tensor value = tile_of(piece.parameter->value, piece.tile);
    if (piece.owner != group.rank()) {
      receives.push_back({piece.owner, value});
      continue;
    }
    if (value.dtype() != DType::kFloat32) {
      copy(stream, piece.master, value);
    }
    for (int peer = 0; peer < group.size(); ++peer) {
      if (peer != group.rank()) {
        sends.push_back({peer, value});
      }
    }
  }
  return group.transfer(stream, std::move(sends), std::move(receives));
}

std::size_t ShardedOptimizer::state_bytes() const {
  std::size_t bytes = 0;
  for (const Shard& shard : shards_) {
    for (const Piece& piece : shard.pieces) {
      const bool is_separate =
          !piece.master.empty() && piece.parameter->value.dtype() != DType::kFloat32;
      bytes += piece.moments.bytes() + (is_separate ? piece.master.bytes() : 0);
    }
  }
  return bytes;
}

}  // namespace bam
