#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/weight_stack.h"

namespace bam {

/// Consecutive ones of the attention experts that a rank holds, whose weights follow each other:
/// they are computed as one.
struct ExpertRun {
  std::size_t first = 0;     // among the held ones
  std::vector<int> experts;  // ascending

  std::size_t count() const { return experts.size(); }
};

/// `experts`, in order, as runs of at most `most` (at least one). Both lists ascend; throws Error
/// where one of the experts is not held.
std::vector<ExpertRun> runs_of(const std::vector<int>& experts, const std::vector<int>& held,
                               std::int64_t most);

/// The run's weights of one kind, of `held`: those of every held expert, in order.
WeightStack stack_of(const std::vector<const Parameter*>& held, const ExpertRun& run);

}  // namespace bam
