#include "model/attention_division.h"

#include <algorithm>
#include <set>

namespace bam {

AttentionDivision::AttentionDivision(const std::vector<Replicas>& experts,
                                     std::span<const std::int64_t> sequences)
    : experts_(experts) {
  for (const Replicas& replicas : experts) {
    divisions_.push_back(divide(replicas, sequences));
  }
  for (int rank = 0; rank < std::ssize(sequences); ++rank) {
    held_by_.push_back(experts_on(experts, rank));
  }
}

std::vector<SequencePart> AttentionDivision::between(int source, int holder) const {
  const std::vector<int>& held = held_by_[static_cast<std::size_t>(holder)];
  std::vector<ItemRange> ranges;  // of each held expert
  std::set<std::int64_t> edges;
  for (const int expert : held) {
    const auto j = static_cast<std::size_t>(expert);
    ranges.push_back(divisions_[j].between(experts_[j], source, holder));
    edges.insert({ranges.back().begin, ranges.back().end});
  }
  std::vector<SequencePart> parts;
  for (auto edge = edges.begin(); edge != edges.end() && std::next(edge) != edges.end(); ++edge) {
    SequencePart part{{*edge, *std::next(edge)}, {}};
    for (std::size_t i = 0; i < held.size(); ++i) {
      if (ranges[i].begin <= part.sequences.begin && part.sequences.end <= ranges[i].end) {
        part.experts.push_back(held[i]);
      }
    }
    if (!part.experts.empty()) {
      parts.push_back(std::move(part));
    }
  }
  return parts;
}

std::vector<SequencePart> AttentionDivision::between(int source, int holder, int pieces) const {
  std::vector<SequencePart> out;
  for (const SequencePart& whole : between(source, holder)) {
    const std::int64_t count = whole.sequences.count();
    for (int piece = 0; piece < pieces; ++piece) {
      const ItemRange range{whole.sequences.begin + count * piece / pieces,
                            whole.sequences.begin + count * (piece + 1) / pieces};
      if (range.count() > 0) {
        out.push_back({range, whole.experts});
      }
    }
  }
  return out;
}

}  // namespace bam
