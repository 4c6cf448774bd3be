#pragma once

#include <cstdint>
#include <vector>

namespace bam {

/// How long a step may take: `factor` times the median of the latest steps, at least `least`
/// seconds.
class StepLimit {
 public:
  StepLimit(double least, double factor) : least_(least), factor_(factor) {}

  void add(double seconds);
  /// Whether a step was seen: the first has nothing to be held against.
  bool is_known() const { return !latest_.empty(); }
  double seconds() const;

 private:
  double least_;
  double factor_;
  std::vector<double> latest_;  // seconds, a ring
  std::size_t next_ = 0;
};

}  // namespace bam
