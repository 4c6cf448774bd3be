#pragma once

#include "runtime/routing.h"

namespace bam {

/// Whether experts chosen together are counted (RoutingSums::pairs).
enum class Pairs { kLeftOut, kCounted };

/// What routers did, counted on the device where they ran and read together: the host waits once
/// for all of them, not once for each.
class RoutingTally {
 public:
  /// One router's sums.
  struct Counted {
    RoutingSums none;                // of no tokens: the sizes of the others
    std::vector<RoutingSums> spans;  // of tokens [i length, (i + 1) length)
  };

  /// Counts the tokens of a router, `length` by `length`, which divides their number.
  /// probabilities (n, experts), log_sums (n) fp32; choices (n, k) int32 may be empty (soft
  /// routing: chosen stays 0).
  void add(Stream& stream, const Tensor& probabilities, const Tensor& log_sums,
           const Tensor& choices, std::int64_t length, Pairs pairs);
  /// What was added, in order. Waits, unless nothing was added.
  std::vector<Counted> read(Stream& stream) const;

 private:
  struct Added {
    std::int64_t experts;
    std::int64_t pairs;
    std::int64_t length;
    Tensor numbers;  // as routing_numbers writes them
  };

  std::vector<std::int32_t> words(Stream& stream) const;

  std::vector<Added> added_;
};

}  // namespace bam
