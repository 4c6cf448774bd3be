#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "io/checkpoint_peers.h"
#include "io/checkpoint_reader.h"

namespace bam {

/// The checkpoints of a run folder in the order in which training tries to go on from them: the one
/// that `latest` names, those before it from new to old, then any after it. Where `latest` names
/// none, all from new to old.
std::vector<std::filesystem::path> checkpoints_to_try(const std::filesystem::path& run);

/// Collective: the first of checkpoints_to_try of which every byte is as it was written; the ranks
/// share the reading. None where the run has no checkpoint. `tell` is called on rank 0 with each
/// refusal that another checkpoint makes good. Throws BadInput, with each one's refusal, where none
/// is whole.
std::optional<CheckpointReader> newest_whole_checkpoint(
    CheckpointPeers& peers, const std::filesystem::path& run,
    const std::function<void(const std::string&)>& tell);

}  // namespace bam
