#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "io/checkpoint_draft.h"
#include "io/checkpoint_peers.h"
#include "parallel/sharded_optimizer.h"

namespace bam {

/// Collective: writes `folder`/step-N of the ranks' tiles; every tile of the model is owned by
/// exactly one rank. It exists only when it is whole: on any rank's failure every rank throws Error
/// naming the rank and its cause, and what stood before still stands.
///
///   BEFORE  each rank: its tiles    AFTER  step-N/{data.h5, manifest}, latest -> step-N
void write_checkpoint(CheckpointPeers& peers, const std::filesystem::path& folder,
                      const CheckpointInfo& info, const std::vector<ParameterSpec>& specs,
                      std::span<const OwnedTile> tiles, const Retention& retention);

/// The same over a communicator's ranks.
void write_checkpoint(Stream& stream, Communicator& ranks, const std::filesystem::path& folder,
                      const CheckpointInfo& info, const std::vector<ParameterSpec>& specs,
                      std::span<const OwnedTile> tiles, const Retention& retention);

}  // namespace bam
