#include "parallel/host_staged.h"

#include <utility>

#include "runtime/host.h"

namespace bam {
namespace {

// Pinned memory for copies. Lives as long as any of them.
struct Staging {
  Tensor like(const Tensor& rows) { return {stream, rows.shape(), rows.dtype()}; }

  Memory memory{Pages::kPinned};
  Stream stream{memory};
};

// Transfers into the host's memory, and where the rows then go.
class StagedTransfer final : public Pending::Work {
 public:
  StagedTransfer(std::shared_ptr<Staging> staging, Pending inner, std::vector<Tensor> arrivals,
                 std::vector<Tensor> destinations)
      : staging_(std::move(staging)),
        arrivals_(std::move(arrivals)),
        destinations_(std::move(destinations)),
        inner_(std::move(inner)) {}

  bool done() override { return inner_.done(); }
  void abandon() noexcept override { inner_.abandon(); }
  void wait(Stream& stream) override {
    inner_.wait(stream);
    for (std::size_t i = 0; i < arrivals_.size(); ++i) {
      to_device(stream, {arrivals_[i].raw(), arrivals_[i].bytes()}, destinations_[i]);
    }
  }

 private:
  std::shared_ptr<Staging> staging_;
  std::vector<Tensor> arrivals_;
  std::vector<Tensor> destinations_;
  Pending inner_;
};

class HostStagedBackend final : public Communicator::Backend {
 public:
  HostStagedBackend(std::unique_ptr<Backend> inner, std::shared_ptr<Staging> staging)
      : inner_(std::move(inner)), staging_(std::move(staging)) {}

  int rank() const override { return inner_->rank(); }
  int size() const override { return inner_->size(); }
  const char* name() const override { return "MPI through the host"; }
  std::unique_ptr<Backend> split(int color, int key) const override {
    return std::make_unique<HostStagedBackend>(inner_->split(color, key), staging_);
  }

  Pending transfer(Stream& stream, std::vector<Transfer> sends,
                   std::vector<Transfer> receives) override;
  Pending broadcast(Stream& stream, std::span<std::byte> bytes, int root) override {
    return inner_->broadcast(stream, bytes, root);
  }
  Pending all_gather(Stream& stream, std::span<const std::byte> own,
                     std::span<std::byte> all) override {
    return inner_->all_gather(stream, own, all);
  }
  Pending barrier(Stream& stream) override { return inner_->barrier(stream); }

 private:
  std::unique_ptr<Backend> inner_;
  std::shared_ptr<Staging> staging_;
};

Pending HostStagedBackend::transfer(Stream& stream, std::vector<Transfer> sends,
                                    std::vector<Transfer> receives) {
  std::vector<Tensor> arrivals;
  std::vector<Tensor> destinations;
  for (Transfer& receive : receives) {
    if (!receive.rows.is_on_host()) {
      destinations.push_back(receive.rows);
      arrivals.push_back(staging_->like(receive.rows));
      receive.rows = arrivals.back();
    }
  }
  for (Transfer& send : sends) {
    if (!send.rows.is_on_host()) {
      const Tensor staged = staging_->like(send.rows);
      to_host(stream, send.rows, {staged.raw(), staged.bytes()});
      send.rows = staged;
    }
  }
  Pending inner = inner_->transfer(stream, std::move(sends), std::move(receives));
  return {stream, std::make_unique<StagedTransfer>(staging_, std::move(inner), std::move(arrivals),
                                                   std::move(destinations))};
}

}  // namespace

std::unique_ptr<Communicator::Backend> host_staged(std::unique_ptr<Communicator::Backend> inner) {
  return std::make_unique<HostStagedBackend>(std::move(inner), std::make_shared<Staging>());
}

}  // namespace bam
