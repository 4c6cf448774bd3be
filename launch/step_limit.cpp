#include "launch/step_limit.h"

#include <algorithm>

#include "runtime/median.h"

namespace bam {
namespace {

constexpr std::size_t kSteps = 101;

}  // namespace

void StepLimit::add(double seconds) {
  if (latest_.size() < kSteps) {
    latest_.push_back(seconds);
  } else {
    latest_[next_] = seconds;
    next_ = (next_ + 1) % kSteps;
  }
}

double StepLimit::seconds() const {
  return latest_.empty() ? least_ : std::max(least_, factor_ * median(latest_));
}

}  // namespace bam
