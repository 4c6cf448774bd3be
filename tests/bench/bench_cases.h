#pragma once

#include <string>
#include <vector>

#include "model/config.h"

namespace bam::bench {

/// A model and the sequences it is timed on, 8 a step.
struct BenchCase {
  std::string name;
  ModelConfig config;
  std::int64_t length;
  std::int64_t sequences = 8;
};

/// dense, bam-expert-kv, bam-shared-kv, btx-top-1 and btx-top-3, each small and medium.
std::vector<BenchCase> bench_cases();

}  // namespace bam::bench
