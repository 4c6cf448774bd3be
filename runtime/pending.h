#pragma once

#include <exception>
#include <functional>
#include <utility>

#include "runtime/stream.h"

namespace bam {

/// Work that was started and may not be over. Keeps every buffer of that work alive until it is
/// waited for. Dropping one waits first; a failure then is kept for the stream's next wait or poll.
/// While an exception is under way nobody waits, since other ranks may never answer: the stream
/// keeps the work and its buffers to its own end. A default-made Pending is complete.
class [[nodiscard]] Pending {
 public:
  /// What a backend implements. Destroyed only when complete or abandoned.
  class Work {
   public:
    virtual ~Work() = default;
    /// Whether the work is over; moves it on if it is not.
    virtual bool done() = 0;
    /// Returns when work put on `stream` from now on may use the results.
    virtual void wait(Stream& stream) = 0;
    /// Nobody will wait any more: abandons the work it is made of, and forgets whoever it tells.
    virtual void abandon() noexcept {}
  };

  Pending() = default;
  Pending(Stream& stream, std::unique_ptr<Work> work) : stream_(&stream), work_(std::move(work)) {}
  Pending(Pending&&) noexcept = default;
  Pending& operator=(Pending&& other) noexcept {
    drop();
    stream_ = other.stream_;
    work_ = std::move(other.work_);
    return *this;
  }
  ~Pending() { drop(); }

  bool done() { return work_ == nullptr || work_->done(); }

  void wait(Stream& stream) {
    stream.throw_failure();
    if (work_ != nullptr) {
      work_->wait(stream);
      work_.reset();
    }
  }

  /// Leaves the work to the stream as it is.
  void abandon() noexcept {
    if (work_ != nullptr) {
      work_->abandon();
      stream_->keep(std::move(work_));
    }
  }

 private:
  void drop() noexcept {
    if (work_ != nullptr && std::uncaught_exceptions() == 0) {
      try {
        work_->wait(*stream_);
        work_.reset();
      } catch (...) {
        stream_->fail(std::current_exception());
      }
    }
    abandon();
  }

  Stream* stream_ = nullptr;
  std::unique_ptr<Work> work_;
};

}  // namespace bam
