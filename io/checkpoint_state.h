#pragma once

#include "io/checkpoint_reader.h"
#include "parallel/sharded_optimizer.h"

namespace bam {

enum class Moments { kLeave, kRead };

/// Sets the weights that this rank owns from a checkpoint, saved at whatever layout, and under
/// kRead the moments. Call optimizer.publish afterwards. Throws BadInput naming tensor and tile
/// where a byte differs.
void read_state(const CheckpointReader& checkpoint, const std::vector<ParameterSpec>& specs,
                Moments moments, ShardedOptimizer& optimizer);

/// This rank's tiles, as they are saved: they change with the optimiser's.
std::vector<OwnedTile> owned_tiles(ShardedOptimizer& optimizer);

}  // namespace bam
