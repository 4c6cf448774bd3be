#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "model/parameter_store.h"
#include "runtime/host.h"

namespace bam {

/// A fault that a test has a run make, by the environment: BAM_DRILL=FAULT@FIRST[-LAST][:RANK], for
/// steps of the data order, on one rank or on all. Without the variable nothing happens.
///
///     nan      a weight is NaN for the time of the step
///     spike    the loss, and so the gradient, is a thousand times what it is
///     hang     the step does not end
///     crash    the process dies
///     skip     what all ranks do together at the end of the step is left out
class Drill {
 public:
  enum class Fault { kNone, kNan, kSpike, kHang, kCrash, kSkip };

  /// Throws BadInput where the variable cannot be read.
  static Drill from_environment(int rank);

  /// Whether it is time for the fault.
  bool strikes(Fault fault, std::int64_t data_step) const {
    return fault == fault_ && first_ <= data_step && data_step <= last_;
  }
  /// Hangs or crashes where it is time to.
  void begin_step(std::int64_t data_step) const;
  /// What the step's loss is divided by, given what it should be.
  double divisor(std::int64_t data_step, double targets) const {
    return strikes(Fault::kSpike, data_step) ? targets / 1000 : targets;
  }

  /// A weight that is NaN while it lives.
  class Poison {
   public:
    Poison(Stream& stream, ParameterStore& store);
    Poison(const Poison&) = delete;
    Poison& operator=(const Poison&) = delete;
    ~Poison();

   private:
    void put(float value);

    Stream& stream_;
    HostView weight_;  // fp32
    float before_;
  };

 private:
  Fault fault_ = Fault::kNone;
  std::int64_t first_ = 0;
  std::int64_t last_ = 0;
};

}  // namespace bam
