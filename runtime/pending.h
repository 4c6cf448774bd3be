#pragma once

#include <memory>
#include <utility>

#include "runtime/stream.h"

namespace bam {

/// Work that was started and may not be over. Keeps every buffer of that work alive until it is
/// waited for; dropping one waits first. A default-made Pending is complete.
class [[nodiscard]] Pending {
 public:
  /// What a backend implements. Destroyed only when complete.
  class Work {
   public:
    virtual ~Work() = default;
    /// Whether the work is over; moves it on if it is not.
    virtual bool done() = 0;
    /// Returns when work put on `stream` from now on may use the results.
    virtual void wait(Stream& stream) = 0;
  };

  Pending() = default;
  Pending(Stream& stream, std::unique_ptr<Work> work) : stream_(&stream), work_(std::move(work)) {}
  Pending(Pending&&) noexcept = default;
  Pending& operator=(Pending&& other) noexcept {
    finish();
    stream_ = other.stream_;
    work_ = std::move(other.work_);
    return *this;
  }
  ~Pending() { finish(); }

  bool done() { return work_ == nullptr || work_->done(); }

  void wait(Stream& stream) {
    if (work_ != nullptr) {
      work_->wait(stream);
      work_.reset();
    }
  }

 private:
  void finish() {
    if (work_ != nullptr) {
      wait(*stream_);
    }
  }

  Stream* stream_ = nullptr;
  std::unique_ptr<Work> work_;
};

}  // namespace bam
