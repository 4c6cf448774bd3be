#include "io/checkpoint_state.h"

namespace bam {

void read_state(const CheckpointReader& checkpoint, const std::vector<ParameterSpec>& specs,
                Moments moments, ShardedOptimizer& optimizer) {
  optimizer.for_each_owned_tile([&](const OwnedTile& owned) {
    const ParameterSpec& spec = specs[static_cast<std::size_t>(owned.tile.spec)];
    const auto read = [&](StateKind kind, std::span<float> out) {
      if (!out.empty()) {
        checkpoint.read(kind, spec, owned.tile.begin, owned.tile.end, out);
      }
    };
    read(StateKind::kWeight, owned.weight);
    if (moments == Moments::kRead) {
      read(StateKind::kFirstMoment, owned.first_moment);
      read(StateKind::kSecondMoment, owned.second_moment);
    }
  });
}

std::vector<OwnedTile> owned_tiles(ShardedOptimizer& optimizer) {
  std::vector<OwnedTile> tiles;
  optimizer.for_each_owned_tile([&](const OwnedTile& owned) { tiles.push_back(owned); });
  return tiles;
}

}  // namespace bam
