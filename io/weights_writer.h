#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <vector>

#include "io/checkpoint_draft.h"

namespace bam {

/// The values of one tile; they need to last until the next call only.
using MakeTile = std::function<std::span<const float>(const ParameterSpec&, const Tile&)>;

/// One process writes `folder`/step-N of weights alone (no optimiser state), tile by tile, in a few
/// MiB whatever the model's size. Where `make` or the disk fails nothing is left behind.
void write_weights(const std::filesystem::path& folder, const CheckpointInfo& info,
                   const std::vector<ParameterSpec>& specs, const MakeTile& make);

/// Whether a checkpoint of weights alone, of step 0, gives way to another.
enum class Replace { kNo, kYes };

/// Throws BadInput where `folder` holds a checkpoint that does not give way to one of step 0: under
/// kNo any, under kYes a trained one, which it would hide.
void check_may_write(const std::filesystem::path& folder, Replace replace);

}  // namespace bam
