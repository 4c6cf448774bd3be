#include "io/sequence_rows.h"

#include <algorithm>

#include "runtime/attention.h"
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

std::vector<std::int64_t> rank_documents(
    const BatchShare& share, std::int32_t bos, bool separate,
    const std::function<std::vector<std::int32_t>(std::int64_t sequence)>& read) {
  std::vector<std::int64_t> documents(share.rank_sequences.size(), AttentionShape::kWhole);
  if (!separate) {
    return documents;
  }
  std::int64_t sequence = share.group_first;
  for (std::size_t rank = 0; rank < documents.size(); ++rank) {
    for (std::int64_t i = 0; i < share.rank_sequences[rank]; ++i, ++sequence) {
      const std::vector<std::int32_t> tokens = read(sequence);
      documents[rank] += 1 + std::ranges::count(std::span(tokens).subspan(1), bos);
    }
  }
  return documents;
}

}  // namespace bam
