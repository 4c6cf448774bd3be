#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "model/batch.h"

namespace bam {

/// targets[i] becomes following[i], kNotScored where that is `bos`. (length) each.
void fill_targets(std::span<const std::int32_t> following, std::int32_t bos,
                  std::span<std::int32_t> targets);

/// document_starts[i] becomes first_row + the position of the last BOS at or before i; first_row
/// alone before any BOS, or everywhere unless `separate`.
void fill_document_starts(std::span<const std::int32_t> tokens, std::int32_t bos, bool separate,
                          std::int64_t first_row, std::span<std::int32_t> document_starts);

/// Batch::rank_documents of these sequences: documents that fill_document_starts tells apart in each
/// one's tokens, which `read` returns.
std::vector<std::int64_t> rank_documents(
    const BatchShare& share, std::int32_t bos, bool separate,
    const std::function<std::vector<std::int32_t>(std::int64_t sequence)>& read);

}  // namespace bam
