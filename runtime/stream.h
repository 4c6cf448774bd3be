#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "runtime/heartbeat.h"
#include "runtime/memory.h"
#include "runtime/trace.h"

namespace bam {

namespace cuda {
class Queue;
}

/// Which of two streams' kernels a GPU takes up first where it has not room for both.
enum class Urgency : std::uint8_t { kUsual, kFirst };

/// A queue of work on one device. Whatever starts work takes one; work put on the same stream is
/// done in order. A CPU stream has always finished what was put on it.
class Stream {
 public:
  /// Works on the device that `memory`, which outlives it, is of: with the calling thread and
  /// OpenMP's, or on the GPU. Throws Error where that device cannot be used.
  explicit Stream(Memory& memory, Urgency urgency = Urgency::kUsual);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Where its tensors are made.
  Memory& memory() { return *memory_; }
  /// Has them made in another memory of the same device from now on, which outlives them; returns
  /// the one before.
  Memory& use(Memory& memory);
  DeviceKind device() const { return memory_->device(); }
  /// The GPU's side of a CUDA stream.
  cuda::Queue& queue() { return *queue_; }

  /// Waits until all work put on it is done: for times, and before the host reads what it did.
  void synchronise();
  /// How often the host has waited for this stream's work on a GPU so far.
  std::int64_t waits() const;

  /// Has `progress` called between pieces of compute, so that messages in flight move on.
  void on_poll(std::function<void()> progress) { progress_ = std::move(progress); }
  /// Whether poll() does anything: if not, work need not be cut.
  bool polls() const { return progress_ != nullptr; }
  /// Called by kernels between pieces of about a millisecond.
  void poll() {
    throw_failure();
    if (progress_) {
      progress_();
    }
  }

  /// What the calling thread is doing.
  Heartbeat& heartbeat() { return heartbeat_; }

  /// Arithmetic done so far, so that speeds of ranks with unequal shares can be compared: two a
  /// multiply-add of matrix products and attention, some for each weight of an update.
  double operations() const { return operations_; }
  void count_operations(double operations) { operations_ += operations; }

  /// Work that was dropped failed with this: the next wait or poll throws it.
  void fail(std::exception_ptr failure) { failure_ = std::move(failure); }
  void throw_failure() {
    if (failure_) [[unlikely]] {
      std::rethrow_exception(std::exchange(failure_, nullptr));
    }
  }
  /// Keeps what work that nobody will wait for may still use, for as long as the stream lives.
  void keep(std::shared_ptr<void> remains) { remains_.push_back(std::move(remains)); }

  /// Has all work recorded in `trace`, which outlives its use; nullptr ends that.
  void record(Trace* trace) { trace_ = trace; }
  Trace* trace() const { return trace_; }

 private:
  Memory* memory_;
  std::shared_ptr<cuda::Queue> queue_;  // null on a CPU
  Trace* trace_ = nullptr;
  Heartbeat heartbeat_;
  double operations_ = 0;
  std::exception_ptr failure_;
  std::vector<std::shared_ptr<void>> remains_;
  std::function<void()> progress_;
};

}  // namespace bam
