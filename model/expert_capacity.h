#pragma once

#include <cstdint>
#include <vector>

#include "model/batch.h"
#include "model/config.h"

namespace bam {

/// Rows that each rank of the expert-parallel group sends to an FFN expert, padding included: known
/// before anything is routed, so that nobody waits for counts. Empty: as many as chose the expert.
using ExpertCapacity = std::vector<std::int64_t>;

/// `factor` times what an expert gets of each rank's rows when all get the same: ceil(factor * rows
/// * k / experts), and never more than the rows. Empty for a dense model, and where `factor` is 0.
ExpertCapacity expert_capacity(const ModelConfig& config, const Batch& batch, double factor);

/// FFN rows computed for each token, padding included: k without a factor.
double ffn_rows_per_token(const FfnMixture& mixture, double factor);

}  // namespace bam
