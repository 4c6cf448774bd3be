#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "parallel/transfer_clock.h"

namespace bam {

/// The parts of a training step.
enum class StepPart : std::uint8_t { kData, kForward, kLoss, kBackward, kUpdate };
inline constexpr std::size_t kStepParts = 5;

/// "forward"; outlives everything.
const char* name_of(StepPart part);

/// What a rank spent in one part of a step.
struct PartTime {
  double seconds = 0;     // without waiting for others
  double operations = 0;  // that it computed there, as Stream counts them
};
using PartTimes = std::array<PartTime, kStepParts>;

/// Tells a rank's heartbeat which part of a step it is in, and counts the time.
class PartClock {
 public:
  /// `transfers` counts the waiting, and outlives it.
  explicit PartClock(const TransferClock& transfers) : transfers_(transfers) {}

  void enter(Stream& stream, StepPart part);
  /// Of all parts since the last call.
  PartTimes finish(Stream& stream);

 private:
  struct Since {
    StepPart part;
    double time;
    double waited;
    double operations;
  };
  void leave(Stream& stream);

  const TransferClock& transfers_;
  std::optional<Since> since_;
  PartTimes times_;
};

}  // namespace bam
