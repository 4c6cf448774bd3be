#pragma once

#include <cstddef>
#include <vector>

#include "runtime/pending.h"

namespace bam {

/// What a clock counted.
struct TransferTimes {
  std::size_t bytes_sent = 0;
  double comm_seconds = 0;     // in which something was in flight
  double exposed_seconds = 0;  // spent waiting

  /// The part of comm_seconds that compute covered; 1 without communication.
  double hidden_share() const;
};

/// What the communicators of one job have in flight on this rank, for how long something was, and
/// how much of that the rank spent waiting. They share one clock.
class TransferClock {
 public:
  TransferClock() = default;
  TransferClock(const TransferClock&) = delete;
  TransferClock& operator=(const TransferClock&) = delete;

  /// The same work under the clock, which outlives it unless it is abandoned. bytes_sent: what this
  /// rank gives to it, once, whatever the number of ranks it goes to. `operation` is what the
  /// stream's heartbeat tells while it is waited for.
  [[nodiscard]] Pending timed(Stream& stream, Pending work, std::size_t bytes_sent,
                              const Operation& operation);
  /// Moves on whatever is in flight: messages move only when they are looked at.
  void progress();

  /// Since the last reset.
  const TransferTimes& times() const { return times_; }
  void reset();

 private:
  class Timed;
  struct Flight {
    Pending* work;
    double begin;
    std::size_t bytes_sent;
    Trace* trace;
  };

  template <class Over>
  void remove_if(Over over);

  std::vector<Flight> live_;
  double busy_since_ = 0;
  TransferTimes times_;
};

}  // namespace bam
