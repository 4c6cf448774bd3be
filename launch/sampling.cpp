#include "launch/sampling.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace bam {

std::int32_t sample(std::span<const float> logits, const Sampling& sampling, double draw) {
  std::vector<std::int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](std::int32_t a, std::int32_t b) { return logits[a] > logits[b]; });
  if (sampling.temperature == 0) {
    return order.front();
  }
  std::vector<double> weights;
  for (const std::int32_t token : order) {
    const double distance = static_cast<double>(logits[token]) - logits[order.front()];
    weights.push_back(std::exp(distance / sampling.temperature));
  }
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  double kept = 0;
  std::size_t count = 0;
  while (count < weights.size() && (count == 0 || kept < sampling.top_p * total)) {
    kept += weights[count++];
  }
  double left = draw * kept;
  for (std::size_t i = 0; i < count; ++i) {
    left -= weights[i];
    if (left < 0) {
      return order[i];
    }
  }
  return order[count - 1];
}

}  // namespace bam
