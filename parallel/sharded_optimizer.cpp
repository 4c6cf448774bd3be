#include "parallel/sharded_optimizer.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "runtime/check.h"
#include "runtime/elementwise.h"

namespace bam {
namespace {

Tensor tile_of(const Tensor& whole, const Tile& tile) {
  return whole.reshape({whole.elements()}).slice(tile.begin, tile.end);
}

constexpr double kLargestNorm = 1e18;

std::vector<int> all_of(const Communicator& group) {
  std::vector<int> ranks(static_cast<std::size_t>(group.size()));
  std::iota(ranks.begin(), ranks.end(), 0);
  return ranks;
}

// Ranks of the world that hold an expert: its copies in every expert-parallel group.
std::vector<int> holders(const Placement& placement, const ParameterSpec& spec, int world_size) {
  std::vector<int> ranks;
  for (int first = 0; first < world_size; first += placement.ranks) {
    for (const Replica& replica : placement.replicas_of(spec)) {
      ranks.push_back(first + replica.rank);
    }
  }
  return ranks;
}

}  // namespace

ShardedOptimizer::ShardedOptimizer(Stream& stream, ParameterStore& store, Communicator& world,
                                   Communicator& data_group, const Placement& placement,
                                   OptimizerSettings settings)
    : stream_(stream), store_(store), world_(world), settings_(std::move(settings)) {
  const int own_rank = world.rank() % placement.ranks;
  shards_.push_back(deal(stream, world, [&](const ParameterSpec& spec) {
    return spec.is_expert() ? std::vector<int>() : all_of(world);
  }));
  shards_.push_back(deal(stream, data_group, [&](const ParameterSpec& spec) {
    const bool is_single = spec.is_expert() && placement.replicas_of(spec).size() == 1;
    return is_single && placement.holds(own_rank, spec) ? all_of(data_group) : std::vector<int>();
  }));
  shards_.push_back(deal(stream, world, [&](const ParameterSpec& spec) {
    const bool is_replicated = spec.is_expert() && placement.replicas_of(spec).size() > 1;
    return is_replicated ? holders(placement, spec, world.size()) : std::vector<int>();
  }));
}

ShardedOptimizer::Shard ShardedOptimizer::deal(Stream& stream, Communicator& group,
                                               const HoldersOf& holders_of) {
  std::vector<SharedTile> tiles = tiles_with_owners(holders_of);
  std::vector<Piece> pieces;
  for (const SharedTile& tile : tiles) {
    if (tile.parameter != nullptr) {
      pieces.push_back({tile, {}, {}, {}, {}});
      if (tile.owner == group.rank()) {
        take_state(stream, pieces.back());
      }
    }
  }
  std::erase_if(tiles, [&](const SharedTile& tile) { return !store_.trains(*tile.spec); });
  std::vector<AdamwPiece> updates = updates_of(pieces);
  return {&group, std::move(pieces), GradientSum(group, tiles), std::move(updates)};
}

// Tiles are dealt in inventory order, each holder of the same weights getting its part of the
// elements.
std::vector<SharedTile> ShardedOptimizer::tiles_with_owners(const HoldersOf& holders_of) {
  std::vector<SharedTile> tiles;
  std::map<const int*, std::int64_t> total;  // elements, by holders
  std::span<const int> holders;
  for (const Tile& tile : tiles_of(store_.specs())) {
    const ParameterSpec& spec = store_.specs()[static_cast<std::size_t>(tile.spec)];
    if (tile.begin == 0) {
      holders = *holder_sets_.insert(holders_of(spec)).first;
    }
    if (!holders.empty()) {
      tiles.push_back({tile, &spec, store_.find(tile.spec), 0, holders});
      total[holders.data()] += tile.elements();
    }
  }
  std::map<const int*, std::int64_t> before;
  for (SharedTile& tile : tiles) {
    std::int64_t& elements = before[tile.holders.data()];
    const std::int64_t place = elements * std::ssize(tile.holders) / total[tile.holders.data()];
    tile.owner = tile.holders[static_cast<std::size_t>(place)];
    elements += tile.tile.elements();
  }
  return tiles;
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
  forget_views();
  for (Shard& shard : shards_) {
    shard.gradients.finish(stream);
  }
  double squares = loss_is_finite ? squared_gradient_norm(stream) : std::nan("");
  world_.all_reduce_sum(stream, std::span(&squares, 1)).wait(stream);
  // A gradient whose square is not finite in fp32 would make its second moment infinite for ever.
  StepResult result{.gradient_norm = std::sqrt(squares),
                    .skipped = !(std::sqrt(squares) < kLargestNorm)};
  if (result.skipped) {
    return result;
  }
  const bool clips = settings_.clip_norm > 0 && result.gradient_norm > settings_.clip_norm;
  const double scale = clips ? settings_.clip_norm / result.gradient_norm : 1.0;
  std::vector<Pending> published;  // one shard's new weights travel while the next is updated
  for (Shard& shard : shards_) {
    update(stream, shard, learning_rate, scale, step);
    published.push_back(start_publishing(stream, shard, Which::kTrained));
  }
  for (Pending& pending : published) {
    pending.wait(stream);
  }
  return result;
}

double ShardedOptimizer::squared_gradient_norm(Stream& stream) {
  std::vector<Tensor> gradients;
  for (const Shard& shard : shards_) {
    for (const Piece& piece : shard.pieces) {
      if (!piece.moments.empty()) {
        gradients.push_back(tile_of(piece.parameter->gradient, piece.tile));
      }
    }
  }
  return squared_norm(stream, gradients);
}

void ShardedOptimizer::update(Stream& stream, const Shard& shard, double learning_rate,
                              double scale, std::int64_t step) {
  const AdamwStep coefficients{.learning_rate = learning_rate,
                               .beta1 = settings_.beta1,
                               .beta2 = settings_.beta2,
                               .epsilon = settings_.epsilon,
                               .gradient_scale = scale,
                               .step = step};
  adamw(stream, coefficients, shard.updates);
}

std::vector<AdamwPiece> ShardedOptimizer::updates_of(const std::vector<Piece>& pieces) const {
  std::vector<AdamwPiece> updates;
  for (const Piece& piece : pieces) {
    if (!piece.moments.empty()) {
      const Tensor value = tile_of(piece.parameter->value, piece.tile);
      updates.push_back({.gradient = tile_of(piece.parameter->gradient, piece.tile),
                         .weight = piece.master,
                         .first_moment = piece.moments.slice(0, 1),
                         .second_moment = piece.moments.slice(1, 2),
                         .weight_decay = decays(piece.parameter->spec) ? settings_.weight_decay : 0,
                         .rounded = value.dtype() == DType::kFloat32 ? Tensor() : value});
    }
  }
  return updates;
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
      piece.seen_master = HostView(stream_, piece.master);
      OwnedTile owned{piece.tile, piece.seen_master.values(), {}, {}};
      if (!piece.master.is_on_host()) {
        owned.weight_on_gpu = piece.master;
        owned.moments_on_gpu = piece.moments;
      }
      if (!piece.moments.empty()) {
        piece.seen_moments = HostView(stream_, piece.moments);
        const std::span<float> moments = piece.seen_moments.values();
        owned.first_moment = moments.first(moments.size() / 2);
        owned.second_moment = moments.last(moments.size() / 2);
      }
      visit(owned);
    }
  }
}

void ShardedOptimizer::forget() {
  for (Shard& shard : shards_) {
    for (Piece& piece : shard.pieces) {
      if (!piece.moments.empty()) {
        fill_zero(stream_, piece.moments);
      }
    }
  }
}

void ShardedOptimizer::publish(Stream& stream) {
  for (Shard& shard : shards_) {
    for (Piece& piece : shard.pieces) {
      piece.seen_master.write_back(stream);
      piece.seen_moments.write_back(stream);
    }
    start_publishing(stream, shard, Which::kAll).wait(stream);
  }
  forget_views();
}

void ShardedOptimizer::forget_views() {
  for (Shard& shard : shards_) {
    for (Piece& piece : shard.pieces) {
      piece.seen_master = HostView();
      piece.seen_moments = HostView();
    }
  }
}

// BEFORE: each tile's owner has its fp32 weight, and of one that was trained its rounded value.
// AFTER: every copy has the rounded value.
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
    if (which == Which::kAll && value.dtype() != DType::kFloat32) {
      copy(stream, piece.master, value);
    }
    for (const int peer : piece.holders) {
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
