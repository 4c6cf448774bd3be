#include "model/expert_runs.h"

#include <algorithm>

#include "runtime/check.h"

namespace bam {
namespace {

std::size_t place_of(int expert, const std::vector<int>& held) {
  const auto found = std::ranges::lower_bound(held, expert);
  check(found != held.end() && *found == expert, "attention expert ", expert,
        " is not held by this rank");
  return static_cast<std::size_t>(found - held.begin());
}

}  // namespace

std::vector<ExpertRun> runs_of(const std::vector<int>& experts, const std::vector<int>& held,
                               std::int64_t most) {
  std::vector<ExpertRun> runs;
  for (const int expert : experts) {
    const std::size_t place = place_of(expert, held);
    const bool goes_on = !runs.empty() && runs.back().first + runs.back().count() == place &&
                         std::ssize(runs.back().experts) < most;
    if (!goes_on) {
      runs.push_back({.first = place, .experts = {}});
    }
    runs.back().experts.push_back(expert);
  }
  return runs;
}

WeightStack stack_of(const std::vector<const Parameter*>& held, const ExpertRun& run) {
  const auto first = held.begin() + static_cast<std::ptrdiff_t>(run.first);
  return WeightStack({first, first + std::ssize(run.experts)});
}

}  // namespace bam
