#include "parallel/communicator.h"

#include <algorithm>
#include <utility>

#include "runtime/check.h"

namespace bam {
namespace {

// Everyone's values, summed in rank order once they are here.
class GatheredSum final : public Pending::Work {
 public:
  GatheredSum(std::span<double> values, int ranks)
      : values_(values), all_(values.size() * static_cast<std::size_t>(ranks)) {}

  void start(Stream& stream, Communicator::Backend& backend) {
    gather_ =
        backend.all_gather(stream, std::as_bytes(values_), std::as_writable_bytes(std::span(all_)));
  }
  bool done() override { return gather_.done(); }
  void abandon() noexcept override { gather_.abandon(); }
  void wait(Stream& stream) override {
    gather_.wait(stream);
    std::ranges::fill(values_, 0.0);
    for (std::size_t i = 0; i < all_.size(); ++i) {
      values_[i % values_.size()] += all_[i];
    }
  }

 private:
  std::span<double> values_;
  std::vector<double> all_;  // (ranks, values)
  Pending gather_;
};

bool is_empty(const Transfer& transfer) { return transfer.rows.empty(); }

}  // namespace

Communicator::Communicator(std::unique_ptr<Backend> backend, std::shared_ptr<TransferClock> clock,
                           const char* name)
    : name_(name),
      clock_(std::move(clock)),
      backend_(std::move(backend)),
      rank_(backend_->rank()),
      size_(backend_->size()) {}

Communicator Communicator::split(int color, int key, const char* name) const {
  return {backend_->split(color, key), clock_, name};
}

Pending Communicator::transfer(Stream& stream, std::vector<Transfer> sends,
                               std::vector<Transfer> receives) {
  const Traced traced(stream, Activity::kExchange, "start");
  std::erase_if(sends, is_empty);
  std::erase_if(receives, is_empty);
  std::size_t bytes = 0;
  for (const Transfer& send : sends) {
    bytes += send.rows.bytes();
  }
  const bool is_idle = sends.empty() && receives.empty();
  Pending work = backend_->transfer(stream, std::move(sends), std::move(receives));
  ++operations_;
  return is_idle ? std::move(work) : timed(stream, std::move(work), bytes, "transfer");
}

Pending Communicator::all_reduce_sum(Stream& stream, std::span<double> values) {
  if (values.empty()) {
    return {};
  }
  auto sum = std::make_unique<GatheredSum>(values, size_);
  sum->start(stream, *backend_);
  ++operations_;
  return timed(stream, {stream, std::move(sum)}, values.size_bytes(), "sum");
}

Pending Communicator::broadcast(Stream& stream, std::span<std::byte> bytes, int root) {
  ++operations_;
  return timed(stream, backend_->broadcast(stream, bytes, root), bytes.size(), "broadcast");
}

Pending Communicator::all_gather(Stream& stream, std::span<const std::byte> own,
                                 std::span<std::byte> all) {
  check(all.size() == own.size() * static_cast<std::size_t>(size_), "gather of ", own.size(),
        " bytes from each of ", size_, " ranks into ", all.size());
  ++operations_;
  return timed(stream, backend_->all_gather(stream, own, all), own.size(), "gathering");
}

Pending Communicator::barrier(Stream& stream) {
  ++operations_;
  return timed(stream, backend_->barrier(stream), 0, "barrier");
}

// A lone rank has nothing in flight.
Pending Communicator::timed(Stream& stream, Pending work, std::size_t bytes_sent,
                            const char* operation) {
  return size_ == 1 ? std::move(work)
                    : clock_->timed(stream, std::move(work), bytes_sent,
                                    {.name = operation, .group = name_, .number = operations_});
}

}  // namespace bam
