#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace bam {

/// What a progress line tells of one step.
struct StepProgress {
  std::int64_t step = 0;
  std::int64_t steps = 0;
  double loss = 0;               // nats a token
  double tokens_per_second = 0;
  double flops_per_second = 0;
  double ceiling = 0;            // operations a second of all ranks together
  std::optional<double> hidden;  // part of the exchange's time that compute covered, if any
  std::int64_t saved_step = 0;   // of the newest checkpoint; 0 or less: none
  double seconds_left = 0;
};

/// "step 120/400  loss 3.214  20.1k tokens/s  131 GFLOP/s (62 % of ceiling)  ... saved 100
/// left 0:43", in one line.
std::string progress_line(const StepProgress& progress);

/// "1:02:03" or "2:03".
std::string duration_text(double seconds);

/// Prints a line at most every few seconds to a file or pipe, and at every chance to a terminal.
class ProgressPrinter {
 public:
  ProgressPrinter();
  /// `last`: print whatever the time.
  void print(const std::string& line, bool last);
  /// Something else, on a line of its own.
  void print_apart(const std::string& line);

 private:
  bool is_terminal_;
  std::chrono::steady_clock::time_point next_;
};

}  // namespace bam
