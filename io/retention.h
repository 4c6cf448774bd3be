#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace bam {

/// Which checkpoints of a run stay.
struct Retention {
  std::int64_t keep_last = 0;   // newest ones; 0: all
  std::int64_t keep_every = 0;  // multiples of this stay for ever; 0: none
  std::vector<std::int64_t> not_counted =
      {};  // steps of damaged ones: they stay, and take no place
};

/// The steps of the folders step-N in a run folder, ascending; whole or not.
std::vector<std::int64_t> steps_in(const std::filesystem::path& folder);

/// Of ascending steps, those that do not stay.
std::vector<std::int64_t> steps_to_remove(const std::vector<std::int64_t>& steps,
                                          const Retention& retention);

/// Removes a checkpoint's folder; at no time is a part of it taken for a checkpoint.
void remove_checkpoint(const std::filesystem::path& checkpoint);

}  // namespace bam
