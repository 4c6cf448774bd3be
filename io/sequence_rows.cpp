#include "io/sequence_rows.h"

#include <algorithm>

#include "runtime/cross_entropy.h"

namespace bam {

void fill_targets(std::span<const std::int32_t> following, std::int32_t bos,
                  std::span<std::int32_t> targets) {
  for (std::size_t i = 0; i < targets.size(); ++i) {
    targets[i] = following[i] == bos ? kNotScored : following[i];
  }
}

void fill_document_starts(std::span<const std::int32_t> tokens, std::int32_t bos, bool separate,
                          std::int64_t first_row, std::span<std::int32_t> document_starts) {
  auto start = static_cast<std::int32_t>(first_row);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (separate && tokens[i] == bos) {
      start = static_cast<std::int32_t>(first_row + static_cast<std::int64_t>(i));
    }
    document_starts[i] = start;
  }
}

std::int64_t documents_in(std::span<const std::int32_t> tokens, std::int32_t bos, bool separate) {
  return separate && !tokens.empty() ? 1 + std::ranges::count(tokens.subspan(1), bos) : 1;
}

}  // namespace bam
