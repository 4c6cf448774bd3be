#include "launch/step_limit.h"

#include <algorithm>

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
  std::vector<double> sorted = latest_;
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  return std::max(least_, middle == sorted.end() ? 0.0 : factor_ * *middle);
}

}  // namespace bam
