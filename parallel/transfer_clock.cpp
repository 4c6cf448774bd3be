#include "parallel/transfer_clock.h"

#include <algorithm>
#include <utility>

namespace bam {

// Leaves the clock when it has been waited for, or when progress() sees that it is over.
class TransferClock::Timed final : public Pending::Work {
 public:
  Timed(Stream& stream, Pending work, std::size_t bytes_sent, const Operation& operation,
        TransferClock& clock)
      : work_(std::move(work)), operation_(operation), clock_(&clock) {
    const double begin = Trace::now();
    if (clock.live_.empty()) {
      clock.busy_since_ = begin;
    }
    clock.live_.push_back({&work_, begin, bytes_sent, stream.trace()});
    clock.times_.bytes_sent += bytes_sent;
  }
  ~Timed() override { leave(); }

  bool done() override { return work_.done(); }
  void wait(Stream& stream) override {
    const Traced traced(stream, Activity::kExchange, "wait");
    const double start = Trace::now();
    stream.heartbeat().begin(operation_, start);
    work_.wait(stream);
    leave();
    clock_->times_.exposed_seconds += Trace::now() - start;
  }
  void abandon() noexcept override {
    work_.abandon();
    std::erase_if(clock_->live_, [this](const Flight& flight) { return flight.work == &work_; });
    clock_ = nullptr;
  }

 private:
  void leave() {
    if (clock_ != nullptr) {
      clock_->remove_if([this](const Flight& flight) { return flight.work == &work_; });
    }
  }

  Pending work_;
  Operation operation_;
  TransferClock* clock_;
};

template <class Over>
void TransferClock::remove_if(Over over) {
  if (live_.empty()) {
    return;
  }
  const double end = Trace::now();
  std::erase_if(live_, [&](const Flight& flight) {
    const bool is_over = over(flight);
    if (is_over && flight.trace != nullptr) {
      flight.trace->add(Trace::Flight{flight.begin, end, flight.bytes_sent});
    }
    return is_over;
  });
  if (live_.empty()) {
    times_.comm_seconds += end - busy_since_;
  }
}

Pending TransferClock::timed(Stream& stream, Pending work, std::size_t bytes_sent,
                             const Operation& operation) {
  return {stream, std::make_unique<Timed>(stream, std::move(work), bytes_sent, operation, *this)};
}

void TransferClock::progress() {
  remove_if([](const Flight& flight) { return flight.work->done(); });
}

double TransferTimes::hidden_share() const {
  return comm_seconds > 0 ? std::clamp(1.0 - exposed_seconds / comm_seconds, 0.0, 1.0) : 1.0;
}

void TransferClock::reset() {
  times_ = {};
  if (!live_.empty()) {
    busy_since_ = Trace::now();
  }
}

}  // namespace bam
