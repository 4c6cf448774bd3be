#pragma once

#include <filesystem>
#include <string>

#include "proto/run_config.pb.h"

namespace bam {

/// Throws BadInput, naming the checkpoint and each field with both its values, where a run that
/// goes on under `wanted` would not be the one that the checkpoint is of. How long and how often,
/// on which ranks, and where files lie may change: training.steps and the like, `parallel`, `guard`,
/// `checkpoint`, paths. A checkpoint that was not made by training (upcycled, imported) is nobody's
/// run.
void check_same_run(const proto::RunConfig& checkpoint, const proto::RunConfig& wanted,
                    const std::filesystem::path& path);

/// Whether a run may change the field of that path ("training.log_every") as it goes on.
bool may_change(const std::string& field);

}  // namespace bam
