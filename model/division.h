#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/placement.h"

namespace bam {

/// Consecutive items of one rank: rows that chose an expert, or sequences.
struct ItemRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;

  std::int64_t count() const { return end - begin; }
};

/// Which copy of one expert does which items of which rank.
struct Division {
  std::vector<std::vector<ItemRange>> of_rank;  // [rank][copy]: of that rank's items, in order

  /// What the copy on `holder`, if there is one, does of `source`'s items.
  ItemRange between(const Replicas& replicas, int source, int holder) const;
};

/// Divides the items that the ranks of a group have for one expert (entry r: so many of rank r)
/// among its copies. Of all items T, copy c gets as many as its share says to the nearest whole
/// number:
///
///     round(T (s_0 + ... + s_c)) - round(T (s_0 + ... + s_(c-1)))
///
/// A rank's items go to its own copy as far as that takes them; the others fill the copies that
/// have room, ranks and copies in order. A function of shares and counts alone: every rank finds
/// the same.
Division divide(const Replicas& replicas, std::span<const std::int64_t> items);

}  // namespace bam
