#pragma once

#include <functional>
#include <utility>

#include "runtime/memory.h"
#include "runtime/trace.h"

namespace bam {

/// A queue of work on one device. Whatever starts work takes one; work put on the same stream is
/// done in order. A CPU stream has always finished what was put on it.
class Stream {
 public:
  /// Works with the calling thread and OpenMP's; takes memory from `memory`, which outlives it.
  explicit Stream(Memory& memory) : memory_(memory) {}
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  Memory& memory() { return memory_; }

  /// Has `progress` called between pieces of compute, so that messages in flight move on.
  void on_poll(std::function<void()> progress) { progress_ = std::move(progress); }
  /// Whether poll() does anything: if not, work need not be cut.
  bool polls() const { return progress_ != nullptr; }
  /// Called by kernels between pieces of about a millisecond.
  void poll() {
    if (progress_) {
      progress_();
    }
  }

  /// Has all work recorded in `trace`, which outlives its use; nullptr ends that.
  void record(Trace* trace) { trace_ = trace; }
  Trace* trace() const { return trace_; }

 private:
  Memory& memory_;
  Trace* trace_ = nullptr;
  std::function<void()> progress_;
};

}  // namespace bam
