#pragma once

#include <atomic>
#include <filesystem>
#include <span>
#include <string>

#include "io/blank_data_file.h"
#include "io/checkpoint_snapshot.h"

namespace bam {

/// Writes a rank's parts of a checkpoint into its data.h5, which need not exist yet, and makes them
/// last; any thread may. `blank`, on one of the ranks, also gives the file its size and HDF5's
/// bytes. Returns the tiles' hashes for commit_draft. Throws Error where the disk fails or is full,
/// and soon after `is_given_up` was set.
std::string write_parts(const std::filesystem::path& data_file,
                        std::span<const CheckpointSnapshot::Part> parts, const BlankDataFile* blank,
                        const std::atomic<bool>& is_given_up);

}  // namespace bam
