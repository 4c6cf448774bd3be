#pragma once

#include <vector>

namespace bam {

/// The median; of an even number of values, the larger of the two in the middle. There must be one.
double median(std::vector<double> values);

}  // namespace bam
