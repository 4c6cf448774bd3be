#pragma once

#include "model/division.h"

namespace bam {

/// Sequences of one rank, and those of another rank's attention experts that attend to them.
struct SequencePart {
  ItemRange sequences;
  std::vector<int> experts;  // ascending
};

/// Which sequences of which rank each rank's attention experts attend to, where an expert's copies
/// share the sequences. Every sequence meets every expert once.
class AttentionDivision {
 public:
  /// sequences: of each rank of the group. `experts` outlives it.
  AttentionDivision(const std::vector<Replicas>& experts, std::span<const std::int64_t> sequences);

  /// The sequences of `source` that experts of `holder` attend to, in order, each part with the
  /// same experts throughout and cut into at most `pieces` of nearly equal size. None is empty.
  std::vector<SequencePart> between(int source, int holder, int pieces) const;

 private:
  std::vector<SequencePart> between(int source, int holder) const;

  const std::vector<Replicas>& experts_;
  std::vector<Division> divisions_;        // of each expert
  std::vector<std::vector<int>> held_by_;  // experts of each rank
};

}  // namespace bam
