#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <utility>

namespace bam::emulation {

/// An emulated CUDA stream. Its work is done in order and as late as can be: when the host waits
/// for it or asks whether it is over. So a program that leaves out a wait between streams, or
/// between a stream and the host, computes with what is not there yet.
class WorkQueue {
 public:
  /// Does a piece of work, or looks whether it can be done; returns whether it is over.
  using Piece = std::function<bool()>;

  /// `drain` empties every queue.
  explicit WorkQueue(void (*drain)()) : drain_all_(drain) {}

  void put(Piece piece) { (is_recording_ ? recorded_ : pieces_).push_back(std::move(piece)); }
  /// Sets what is put from now on aside, until stop_recording returns it.
  void start_recording() { is_recording_ = true; }
  std::deque<Piece> stop_recording() {
    is_recording_ = false;
    return std::exchange(recorded_, {});
  }
  bool is_recording() const { return is_recording_; }
  bool is_empty() const { return pieces_.empty(); }
  /// Does the next piece if it can be done; returns whether it was.
  bool advance() {
    if (is_empty()) {
      return false;
    }
    Piece piece = std::move(pieces_.front());  // it may throw, or wait for this very queue
    pieces_.pop_front();
    if (!piece()) {
      pieces_.push_front(std::move(piece));
      return false;
    }
    return true;
  }
  /// For libraries that see this header alone.
  void drain_all() const { drain_all_(); }

 private:
  void (*drain_all_)();
  std::deque<Piece> pieces_;
  std::deque<Piece> recorded_;
  bool is_recording_ = false;
};

/// A place in a queue's work; empty before it is recorded.
struct Event {
  WorkQueue* queue = nullptr;
  std::shared_ptr<bool> is_over;
};

WorkQueue* make_queue();
void drop_queue(WorkQueue* queue);

/// Has `first` done as far as it goes by itself, then pieces of all queues in random order, until
/// `is_over`: the host waits.
void wait_until(WorkQueue* first, const std::function<bool()>& is_over);
/// Likewise, but only as far as all go at once; returns whether it is over.
bool look(WorkQueue* first, const std::function<bool()>& is_over);
/// Until every queue is empty.
void drain();

/// Host memory whose copies wait for their turn; others are taken at once, as CUDA does.
void* take_pinned(std::size_t bytes);
void give_pinned(void* block);
bool is_pinned(const void* address);

}  // namespace bam::emulation
