#include "model/expert_capacity.h"

#include <algorithm>
#include <cmath>

namespace bam {

ExpertCapacity expert_capacity(const ModelConfig& config, const Batch& batch, double factor) {
  if (!config.mixture || factor == 0) {
    return {};
  }
  const FfnMixture& mixture = config.mixture->ffn;
  ExpertCapacity capacity;
  for (const std::int64_t sequences : batch.rank_sequences) {
    const std::int64_t rows = sequences * batch.length;
    const double even = static_cast<double>(rows * mixture.top_k) / mixture.experts;
    const double wanted = std::min(std::ceil(factor * even), static_cast<double>(rows));
    capacity.push_back(static_cast<std::int64_t>(wanted));
  }
  return capacity;
}

double ffn_rows_per_token(const FfnMixture& mixture, double factor) {
  return std::min(mixture.top_k * std::max(1.0, factor), static_cast<double>(mixture.experts));
}

}  // namespace bam
