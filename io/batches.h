#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "io/data_order.h"
#include "io/token_data.h"
#include "model/batch.h"

namespace bam {

/// One domain that a run trains on.
struct TrainingDomain {
  std::string name;
  TokenData data;
  double share = 1.0;
};

/// How sequences are cut and dealt.
struct BatchingOptions {
  std::int64_t sequence_length = 0;     // tokens
  std::int64_t sequences_per_step = 0;  // over all ranks and micro-steps
  std::int64_t micro_steps = 1;         // divides sequences_per_step
  std::uint64_t seed = 1;
  bool separate_documents = true;
};

/// The training split of a run's domains, in DataOrder's order. Targets are the next tokens; that a
/// document begins is not to be predicted, so a BOS target is not scored.
class TrainingData {
 public:
  /// Throws BadInput where the domains differ in vocabulary or tokenizer, or have too few tokens.
  TrainingData(std::vector<TrainingDomain> domains, BatchingOptions options);

  /// A rank's sequences of a micro-step.
  Batch batch(Stream& stream, std::int64_t step, std::int64_t micro_step,
              const BatchShare& share) const;
  /// Targets scored in a whole step, over all ranks and micro-steps.
  std::int64_t scored_targets(std::int64_t step) const;

  std::int64_t vocabulary() const { return domains_[0].data.info().vocabulary; }
  const std::vector<TrainingDomain>& domains() const { return domains_; }
  const DataOrder& order() const { return order_; }

 private:
  Draw draw(std::int64_t step, std::int64_t micro_step, std::int64_t sequence) const;
  // Tokens that are inputs, and one more.
  void read(const Draw& draw, std::span<std::int32_t> window) const;

  std::vector<TrainingDomain> domains_;
  BatchingOptions options_;
  DataOrder order_;
};

}  // namespace bam
