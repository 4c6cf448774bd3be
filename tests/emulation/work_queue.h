#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace bam::emulation {

class WorkQueue;

/// What a queue, and those that wait for it meanwhile, are given while it is being captured.
struct Capture {
  struct Item {
    WorkQueue* queue;
    std::function<bool()> work;  // or none, and:
    int recorded = -1;           // an event is recorded here
    int waited_for = -1;         // or waited for
  };

  std::vector<Item> items;
  std::vector<WorkQueue*> queues;  // the first is where it began
  int events = 0;
  bool is_open = true;

  /// Whether all that other queues were given is waited for by the first, through others or not.
  bool is_joined() const;
  /// Has all of it done once more, what the first queue was given by `queue`.
  void launch(WorkQueue* queue) const;
};

/// A place in a queue's work; empty before it is recorded.
struct Event {
  WorkQueue* queue = nullptr;
  std::shared_ptr<bool> is_over;
  std::shared_ptr<Capture> capture;  // in which it was recorded
  int number = 0;                    // among the capture's
};

/// An emulated CUDA stream. Its work is done in order and as late as can be: when the host waits
/// for it or asks whether it is over. So a program that leaves out a wait between streams, or
/// between a stream and the host, computes with what is not there yet.
class WorkQueue {
 public:
  /// Does a piece of work, or looks whether it can be done; returns whether it is over.
  using Piece = std::function<bool()>;

  /// `drain` empties every queue.
  explicit WorkQueue(void (*drain)()) : drain_all_(drain) {}

  void put(Piece piece) {
    if (capture_ == nullptr) {
      pieces_.push_back(std::move(piece));
    } else {
      capture_->items.push_back({this, std::move(piece)});
    }
  }
  Event record() {
    if (capture_ != nullptr) {
      capture_->items.push_back({this, {}, capture_->events});
      return {this, nullptr, capture_, capture_->events++};
    }
    const auto is_over = std::make_shared<bool>(false);
    put([is_over] { return *is_over = true; });
    return {this, is_over, nullptr, 0};
  }
  /// What comes after waits for the event, and is captured if that was. Returns whether it can:
  /// only work that is captured waits for what is.
  bool wait(const Event& event) {
    if (event.capture == nullptr && capture_ == nullptr) {
      put([is_over = event.is_over] { return is_over == nullptr || *is_over; });
      return true;
    }
    if (event.capture == nullptr || !event.capture->is_open ||
        (capture_ != nullptr && capture_ != event.capture)) {
      return false;
    }
    if (capture_ == nullptr) {
      event.capture->queues.push_back(this);
      capture_ = event.capture;
    }
    capture_->items.push_back({this, {}, -1, event.number});
    return true;
  }

  /// Sets what is put from now on aside, until end_capture returns it.
  void begin_capture() {
    capture_ = std::make_shared<Capture>();
    capture_->queues.push_back(this);
  }
  std::shared_ptr<Capture> end_capture() {
    const std::shared_ptr<Capture> ended = capture_;
    ended->is_open = false;
    for (WorkQueue* queue : ended->queues) {
      queue->capture_ = nullptr;
    }
    return ended;
  }
  bool is_captured() const { return capture_ != nullptr; }
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
  std::shared_ptr<Capture> capture_;
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
