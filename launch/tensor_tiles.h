#pragma once

#include <algorithm>

#include "model/parameters.h"

namespace bam {

/// Calls visit(weight, begin, end) for every tile of a stored tensor, expert after expert.
template <class Visit>
void for_each_tile(const ParameterSpec& tensor, Visit visit) {
  ParameterSpec weight = tensor;
  for (int expert = 0; expert < tensor.experts; ++expert) {
    weight.expert = tensor.is_expert() ? expert : ParameterSpec::kNone;
    for (std::int64_t begin = 0; begin < weight.elements(); begin += kTileElements) {
      visit(weight, begin, std::min(begin + kTileElements, weight.elements()));
    }
  }
}

}  // namespace bam
