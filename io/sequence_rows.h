#pragma once

#include <cstdint>
#include <span>

namespace bam {

/// targets[i] becomes following[i], kNotScored where that is `bos`. (length) each.
void fill_targets(std::span<const std::int32_t> following, std::int32_t bos,
                  std::span<std::int32_t> targets);

/// document_starts[i] becomes first_row + the position of the last BOS at or before i; first_row
/// alone before any BOS, or everywhere unless `separate`.
void fill_document_starts(std::span<const std::int32_t> tokens, std::int32_t bos, bool separate,
                          std::int64_t first_row, std::span<std::int32_t> document_starts);

/// Documents that fill_document_starts tells apart in these tokens: at least 1.
std::int64_t documents_in(std::span<const std::int32_t> tokens, std::int32_t bos, bool separate);

}  // namespace bam
