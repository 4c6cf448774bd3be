#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/random.h"

namespace bam {

/// One domain as the order sees it.
struct DomainWindows {
  std::string name;
  double share = 1.0;         // of the sequences; shares are divided by their sum
  std::int64_t windows = 0;   // training windows it has
};

/// What one sequence of a step reads.
struct Draw {
  int domain = 0;           // index into the domains given
  std::int64_t window = 0;  // of the domain

  bool operator==(const Draw&) const = default;
};

/// Which window each sequence of each step reads: a pure function of (seed, step), so that a run
/// resumes at any step without a cursor. In each block of 1000 sequences a domain gets its share
/// exactly (largest remainder), in shuffled places; a domain's windows are shuffled anew each
/// epoch and each is read once an epoch.
class DataOrder {
 public:
  /// Sequences in which the shares hold exactly.
  static constexpr std::int64_t kBlock = 1000;

  /// Throws BadInput, naming the domain, where a share is not positive, rounds to no sequence of a
  /// block, or where there are no windows.
  DataOrder(std::uint64_t seed, std::int64_t sequences_per_step,
            std::vector<DomainWindows> domains);

  /// The draw of sequence [0, sequences_per_step) of a step.
  Draw draw(std::int64_t step, std::int64_t sequence) const;
  /// Sequences of each block that come from each domain.
  const std::vector<std::int64_t>& quotas() const { return quotas_; }

 private:
  std::vector<DomainWindows> domains_;
  std::vector<std::int64_t> quotas_;
  std::vector<Random> window_randoms_;  // one a domain
  Random block_random_;
  std::int64_t sequences_per_step_;
};

}  // namespace bam
