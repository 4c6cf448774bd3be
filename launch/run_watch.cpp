#include "launch/run_watch.h"

#include "launch/exit_codes.h"

namespace bam {

RunWatch::RunWatch(Stream& stream, Communicator& world, const GuardConfig& config)
    : heartbeat_(stream.heartbeat()),
      slow_seconds_(config.slow_seconds),
      limit_(config.hang_seconds, config.hang_factor) {
  if (config.hang_seconds > 0) {
    watchdog_.emplace(stream, world, WatchdogOptions{.hung_code = kHung, .lost_code = kLost});
  }
  begin_slow_part("loading");
}

void RunWatch::begin_slow_part(const char* what) {
  heartbeat_.enter(what);
  allow(slow_seconds_);
}

void RunWatch::begin_step(std::int64_t step) {
  heartbeat_.step(step);
  heartbeat_.enter("start");
  allow(limit_.is_known() ? limit_.seconds() : slow_seconds_);
}

void RunWatch::allow(double seconds) {
  if (watchdog_) {
    watchdog_->allow(seconds);
  }
}

}  // namespace bam
