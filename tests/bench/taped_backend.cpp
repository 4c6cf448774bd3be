#include "tests/bench/taped_backend.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>

#include "runtime/check.h"

namespace bam::bench {
namespace {

// Keeps what arrived once it has.
class Recording final : public Pending::Work {
 public:
  Recording(Pending work, std::function<void()> keep)
      : work_(std::move(work)), keep_(std::move(keep)) {}

  bool done() override { return work_.done(); }
  void abandon() noexcept override { work_.abandon(); }
  void wait(Stream& stream) override {
    work_.wait(stream);
    keep_();
  }

 private:
  Pending work_;
  std::function<void()> keep_;
};

Pending recording(Stream& stream, Pending work, std::function<void()> keep) {
  return {stream, std::make_unique<Recording>(std::move(work), std::move(keep))};
}

std::vector<TapedTransfer::Message> messages_of(const std::vector<Transfer>& transfers) {
  std::vector<TapedTransfer::Message> messages;
  for (const Transfer& transfer : transfers) {
    messages.push_back({transfer.peer, transfer.rows.bytes()});
  }
  return messages;
}

void keep_arrivals(const std::vector<Transfer>& receives, TapedTransfer& taped) {
  for (const Transfer& receive : receives) {
    const std::byte* bytes = receive.rows.raw();
    taped.arrived.insert(taped.arrived.end(), bytes, bytes + receive.rows.bytes());
  }
}

void replay_arrivals(const TapedTransfer& taped, const std::vector<Transfer>& receives) {
  check(receives.size() == taped.receives.size(), "replaying ", taped.receives.size(),
        " messages into ", receives.size());
  const std::byte* from = taped.arrived.data();
  for (std::size_t i = 0; i < receives.size(); ++i) {
    check(receives[i].rows.bytes() == taped.receives[i].bytes, "replaying ",
          taped.receives[i].bytes, " bytes into ", receives[i].rows.bytes());
    std::memcpy(receives[i].rows.raw(), from, taped.receives[i].bytes);
    from += taped.receives[i].bytes;
  }
}

}  // namespace

class TapedBackend final : public Communicator::Backend {
 public:
  TapedBackend(std::unique_ptr<Backend> inner, std::shared_ptr<Tape> tape)
      : inner_(std::move(inner)), tape_(std::move(tape)), track_(std::make_shared<Tape::Track>()) {
    tape_->tracks_.push_back(track_);
  }

  int rank() const override { return inner_->rank(); }
  int size() const override { return inner_->size(); }
  const char* name() const override { return inner_->name(); }
  std::unique_ptr<Backend> split(int color, int key) const override {
    return std::make_unique<TapedBackend>(inner_->split(color, key), tape_);
  }

  Pending transfer(Stream& stream, std::vector<Transfer> sends,
                   std::vector<Transfer> receives) override {
    if (tape_->mode_ == TapeMode::kPass) {
      return inner_->transfer(stream, std::move(sends), std::move(receives));
    }
    if (tape_->mode_ == TapeMode::kReplay) {
      const std::size_t next = track_->next_transfer++;
      check(next < track_->transfers.size(), "replaying transfer ", next, " of a tape of ",
            track_->transfers.size(), " on ", size(), " ranks");
      replay_arrivals(*track_->transfers[next], receives);
      return {};
    }
    track_->transfers.push_back(std::make_unique<TapedTransfer>());
    TapedTransfer& taped = *track_->transfers.back();
    taped.sends = messages_of(sends);
    taped.receives = messages_of(receives);
    tape_->order_.push_back(&taped);
    Pending work = inner_->transfer(stream, std::move(sends), receives);
    return recording(stream, std::move(work),
                     [receives, &taped] { keep_arrivals(receives, taped); });
  }

  Pending broadcast(Stream& stream, std::span<std::byte> bytes, int root) override {
    return gathered(stream, bytes, [&] { return inner_->broadcast(stream, bytes, root); });
  }

  Pending all_gather(Stream& stream, std::span<const std::byte> own,
                     std::span<std::byte> all) override {
    return gathered(stream, all, [&] { return inner_->all_gather(stream, own, all); });
  }

  Pending barrier(Stream& stream) override {
    return tape_->mode_ == TapeMode::kReplay ? Pending() : inner_->barrier(stream);
  }

 private:
  template <class Start>
  Pending gathered(Stream& stream, std::span<std::byte> all, Start start) {
    if (tape_->mode_ == TapeMode::kPass) {
      return start();
    }
    if (tape_->mode_ == TapeMode::kReplay) {
      const std::size_t next = track_->next_gathered++;
      check(next < track_->gathered.size(), "replaying gathering ", next, " of a tape of ",
            track_->gathered.size());
      const std::vector<std::byte>& kept = track_->gathered[next];
      check(kept.size() == all.size(), "replaying ", kept.size(), " bytes into ", all.size());
      std::ranges::copy(kept, all.begin());
      return {};
    }
    track_->gathered.emplace_back();
    return recording(stream, start(), [all, track = track_, at = track_->gathered.size() - 1] {
      track->gathered[at].assign(all.begin(), all.end());
    });
  }

  std::unique_ptr<Backend> inner_;
  std::shared_ptr<Tape> tape_;
  std::shared_ptr<Tape::Track> track_;
};

void Tape::rewind(TapeMode mode) {
  mode_ = mode;
  for (const auto& track : tracks_) {
    track->next_transfer = 0;
    track->next_gathered = 0;
    if (mode == TapeMode::kRecord) {
      track->transfers.clear();
      track->gathered.clear();
    }
  }
  if (mode == TapeMode::kRecord) {
    order_.clear();
  }
}

std::vector<const TapedTransfer*> Tape::transfers() const { return order_; }

Communicator taped(std::unique_ptr<Communicator::Backend> inner, std::shared_ptr<Tape> tape) {
  return {std::make_unique<TapedBackend>(std::move(inner), std::move(tape)),
          std::make_shared<TransferClock>()};
}

}  // namespace bam::bench
