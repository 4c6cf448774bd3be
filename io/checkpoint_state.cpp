#include "io/checkpoint_state.h"

#include <algorithm>

namespace bam {
namespace {

/// One state of one tile, and where it goes.
struct Wanted {
  std::int64_t offset;  // in the file
  StateKind kind;
  Tile tile;
  std::span<float> out;
};

}  // namespace

// In the order of the file: the system then reads ahead.
void read_state(const CheckpointReader& checkpoint, const std::vector<ParameterSpec>& specs,
                Moments moments, ShardedOptimizer& optimizer) {
  const auto spec_of = [&](const Tile& tile) -> const ParameterSpec& {
    return specs[static_cast<std::size_t>(tile.spec)];
  };
  std::vector<Wanted> all;
  const auto want = [&](StateKind kind, const Tile& tile, std::span<float> out) {
    if (!out.empty()) {
      all.push_back({checkpoint.offset_of(kind, spec_of(tile), tile.begin), kind, tile, out});
    }
  };
  for (const OwnedTile& owned : owned_tiles(optimizer)) {
    want(StateKind::kWeight, owned.tile, owned.weight);
    if (moments == Moments::kRead) {
      want(StateKind::kFirstMoment, owned.tile, owned.first_moment);
      want(StateKind::kSecondMoment, owned.tile, owned.second_moment);
    }
  }
  std::ranges::sort(all, {}, &Wanted::offset);
  for (const Wanted& each : all) {
    checkpoint.read(each.kind, spec_of(each.tile), each.tile.begin, each.tile.end, each.out);
  }
}

std::vector<OwnedTile> owned_tiles(ShardedOptimizer& optimizer) {
  std::vector<OwnedTile> tiles;
  optimizer.for_each_owned_tile([&](const OwnedTile& owned) { tiles.push_back(owned); });
  return tiles;
}

}  // namespace bam
