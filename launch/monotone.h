#pragma once

#include <functional>
#include <string>
#include <vector>

namespace bam {

/// Seconds measured of something that has a size in one or several dimensions.
struct TimedSize {
  std::vector<double> size;  // of each dimension
  double seconds = 0;
  std::string name;  // of what was measured, for people: "all-to-all of 65536 bytes"
};

/// Measures points[i] once more.
using MeasureAgain = std::function<double(std::size_t)>;

/// What is no smaller in any dimension takes no less time; what else waits on a machine only makes
/// it longer. So a point that took longer than a larger one was disturbed: it is measured again,
/// and the least of its times counts; where it is still longer, it gets the larger one's time.
/// Returns a sentence for each such point that was off by more than a tenth, naming both.
std::vector<std::string> make_monotone(std::vector<TimedSize>& points, const MeasureAgain& again);

}  // namespace bam
