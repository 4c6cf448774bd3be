#include "parallel/mpi_exchange.h"

#include <algorithm>
#include <utility>

namespace bam {

// What is in flight, and for how long something was.
struct MpiExchange::Clock {
  struct Flight {
    Pending* transfers;
    double begin;
    std::size_t bytes_sent;
    Trace* trace;
  };

  std::vector<Flight> live;
  double busy_since = 0;
  double busy = 0;
  double waited = 0;

  void add(const Flight& flight) {
    if (live.empty()) {
      busy_since = flight.begin;
    }
    live.push_back(flight);
  }
  template <class Over>
  void remove_if(Over over) {
    const bool was_busy = !live.empty();
    const double end = Trace::now();
    std::erase_if(live, [&](const Flight& flight) {
      const bool is_over = over(flight);
      if (is_over && flight.trace != nullptr) {
        flight.trace->add(Trace::Flight{flight.begin, end, flight.bytes_sent});
      }
      return is_over;
    });
    if (was_busy && live.empty()) {
      busy += end - busy_since;
    }
  }
};

namespace {

// A group of transfers under the clock.
class TimedTransfers final : public Pending::Work {
 public:
  TimedTransfers(Stream& stream, Pending transfers, std::size_t bytes_sent,
                 std::shared_ptr<MpiExchange::Clock> clock)
      : transfers_(std::move(transfers)), clock_(std::move(clock)) {
    clock_->add({&transfers_, Trace::now(), bytes_sent, stream.trace()});
  }
  ~TimedTransfers() override { leave_clock(); }

  bool done() override { return transfers_.done(); }
  void wait(Stream& stream) override {
    const double start = Trace::now();
    transfers_.wait(stream);
    leave_clock();
    clock_->waited += Trace::now() - start;
  }

 private:
  void leave_clock() {
    clock_->remove_if([this](const auto& flight) { return flight.transfers == &transfers_; });
  }

  Pending transfers_;
  std::shared_ptr<MpiExchange::Clock> clock_;
};

bool has_rows(const Transfer& transfer) { return !transfer.rows.empty(); }

std::vector<Transfer> without_empty(std::vector<Transfer> transfers) {
  std::erase_if(transfers, [](const Transfer& transfer) { return !has_rows(transfer); });
  return transfers;
}

}  // namespace

MpiExchange::MpiExchange(Communicator& group, Overlap overlap)
    : group_(group), overlap_(overlap), clock_(std::make_shared<Clock>()) {}
MpiExchange::~MpiExchange() = default;

Pending MpiExchange::start(Stream& stream, std::vector<Transfer> sends,
                           std::vector<Transfer> receives) {
  sends = without_empty(std::move(sends));
  receives = without_empty(std::move(receives));
  std::size_t bytes = 0;
  for (const Transfer& send : sends) {
    bytes += send.rows.bytes();
  }
  bytes_sent_ += bytes;
  const bool is_idle = sends.empty() && receives.empty();
  Pending transfers = group_.transfer(stream, std::move(sends), std::move(receives));
  if (is_idle) {
    return transfers;
  }
  Pending timed(stream,
                std::make_unique<TimedTransfers>(stream, std::move(transfers), bytes, clock_));
  if (overlap_ == Overlap::kOff) {
    timed.wait(stream);
  }
  return timed;
}

void MpiExchange::progress() {
  clock_->remove_if([](const Clock::Flight& flight) { return flight.transfers->done(); });
}

double MpiExchange::comm_seconds() const { return clock_->busy; }
double MpiExchange::exposed_seconds() const { return clock_->waited; }

double MpiExchange::hidden_share() const {
  return clock_->busy > 0 ? std::clamp(1.0 - clock_->waited / clock_->busy, 0.0, 1.0) : 1.0;
}

void MpiExchange::reset() {
  bytes_sent_ = 0;
  clock_->busy = 0;
  clock_->waited = 0;
}

}  // namespace bam
