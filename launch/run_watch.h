#pragma once

#include <optional>

#include "io/guard_config.h"
#include "launch/step_limit.h"
#include "parallel/watchdog.h"

namespace bam {

/// A rank's watchdog, told what a training run is at and how long that may take.
class RunWatch {
 public:
  /// Collective. `stream` outlives it. Begins with what takes its time: loading.
  RunWatch(Stream& stream, Communicator& world, const GuardConfig& config);

  /// Loading, saving, evaluating: `what` outlives the watch.
  void begin_slow_part(const char* what);
  void begin_step(std::int64_t step);
  void end_step(double seconds) { limit_.add(seconds); }

 private:
  void allow(double seconds);

  Heartbeat& heartbeat_;
  double slow_seconds_;
  StepLimit limit_;
  std::optional<Watchdog> watchdog_;
};

}  // namespace bam
