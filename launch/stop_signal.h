#pragma once

namespace bam {

/// Turns SIGINT, SIGTERM and SIGUSR1 into a request that the training loop sees at its next step. A
/// second signal ends the process at once. One at a time.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  /// The signal that came, or 0.
  int received() const;
};

}  // namespace bam
