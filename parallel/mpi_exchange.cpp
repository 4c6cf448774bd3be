#include "parallel/mpi_exchange.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace bam {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

// What is in flight, and for how long something was.
struct MpiExchange::Clock {
  std::vector<Pending*> live;
  double busy_since = 0;
  double busy = 0;
  double waited = 0;

  void add(Pending* pending) {
    if (live.empty()) {
      busy_since = now();
    }
    live.push_back(pending);
  }
  void remove(Pending* pending) {
    if (std::erase(live, pending) > 0 && live.empty()) {
      busy += now() - busy_since;
    }
  }
};

namespace {

// A group of transfers under the clock.
class Flight final : public Pending::Work {
 public:
  Flight(Pending transfers, std::shared_ptr<MpiExchange::Clock> clock)
      : transfers_(std::move(transfers)), clock_(std::move(clock)) {
    clock_->add(&transfers_);
  }
  ~Flight() override { clock_->remove(&transfers_); }

  bool done() override { return transfers_.done(); }
  void wait(Stream& stream) override {
    const double start = now();
    transfers_.wait(stream);
    clock_->remove(&transfers_);
    clock_->waited += now() - start;
  }

 private:
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
  for (const Transfer& send : sends) {
    bytes_sent_ += send.rows.bytes();
  }
  const bool is_idle = sends.empty() && receives.empty();
  Pending transfers = group_.transfer(stream, std::move(sends), std::move(receives));
  if (is_idle) {
    return transfers;
  }
  Pending flight(stream, std::make_unique<Flight>(std::move(transfers), clock_));
  if (overlap_ == Overlap::kOff) {
    flight.wait(stream);
  }
  return flight;
}

void MpiExchange::progress() {
  std::vector<Pending*>& live = clock_->live;
  const bool was_busy = !live.empty();
  std::erase_if(live, [](Pending* pending) { return pending->done(); });
  if (was_busy && live.empty()) {
    clock_->busy += now() - clock_->busy_since;
  }
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
