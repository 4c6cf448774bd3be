#include "parallel/part_clock.h"

#include <utility>

namespace bam {

const char* name_of(StepPart part) {
  switch (part) {
    case StepPart::kData:
      return "data";
    case StepPart::kForward:
      return "forward";
    case StepPart::kLoss:
      return "loss";
    case StepPart::kBackward:
      return "backward";
    case StepPart::kUpdate:
      return "update";
  }
  return "?";
}

void PartClock::enter(Stream& stream, StepPart part) {
  leave(stream);
  stream.heartbeat().enter(name_of(part));
  since_ = {part, Trace::now(), transfers_.times().exposed_seconds, stream.operations()};
}

PartTimes PartClock::finish(Stream& stream) {
  leave(stream);
  return std::exchange(times_, {});
}

void PartClock::leave(Stream& stream) {
  if (!since_) {
    return;
  }
  PartTime& time = times_[static_cast<std::size_t>(since_->part)];
  const double waited = transfers_.times().exposed_seconds - since_->waited;
  time.seconds += Trace::now() - since_->time - waited;
  time.operations += stream.operations() - since_->operations;
  since_.reset();
}

}  // namespace bam
