#include "runtime/median.h"

#include <algorithm>
#include <cstddef>

#include "runtime/check.h"

namespace bam {

double median(std::vector<double> values) {
  check(!values.empty(), "the median of no values");
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace bam
