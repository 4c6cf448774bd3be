#pragma once

#include <filesystem>
#include <optional>

#include "io/checkpoint_reader.h"
#include "parallel/communicator.h"
#include "proto/run_config.pb.h"

namespace bam {

/// Collective: the checkpoint that training in `folder` goes on from, every byte of it checked; none
/// where there is none yet. Damaged ones that are passed over are told of on standard error. Throws
/// BadInput where all are damaged, where it holds weights alone, and where it is one of another run
/// (launch/same_run.h).
std::optional<CheckpointReader> checkpoint_to_resume(Stream& stream, Communicator& world,
                                                     const std::filesystem::path& folder,
                                                     const proto::RunConfig& config);

}  // namespace bam
