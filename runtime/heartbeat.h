#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace bam {

/// An operation of a rank. Names outlive all that know them.
struct Operation {
  const char* name = nullptr;   // "matmul", "transfer"
  const char* group = nullptr;  // of work that ranks do together: theirs
  std::int64_t number = 0;      // and how many operations of that group came before
};

/// What a rank is doing. The thread that computes tells it, at the cost of a few stores; any other
/// may read it at any time, also when the first one hangs. Times are seconds of
/// std::chrono::steady_clock.
class Heartbeat {
 public:
  static constexpr int kNoLayer = -1;

  /// A step of training, or a whole part of the program: "loading", "saving", "evaluation".
  void step(std::int64_t number) { step_.store(number, std::memory_order_relaxed); }
  void enter(const char* phase, int layer = kNoLayer);
  void at_layer(int layer) { layer_.store(layer, std::memory_order_relaxed); }

  void begin(const Operation& operation, double now);
  void end() { is_over_.store(true, std::memory_order_relaxed); }

  /// "step 12, backward of layer 3: in transfer 118 of the expert group for 31.2 s".
  std::string text(double now) const;

 private:
  std::atomic<std::int64_t> step_{0};
  std::atomic<const char*> phase_{"start"};
  std::atomic<int> layer_{kNoLayer};
  std::atomic<const char*> operation_{nullptr};
  std::atomic<const char*> group_{nullptr};
  std::atomic<std::int64_t> number_{0};
  std::atomic<double> since_{0};
  std::atomic<bool> is_over_{true};
};

}  // namespace bam
