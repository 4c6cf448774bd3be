#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/launch/small_world.h"

namespace bam {

/// A training run that faults happen to: a small mixture on two ranks, with a checkpoint every few
/// steps, in a folder of its own.
class TrainingJob {
 public:
  static constexpr int kRanks = 2;

  /// `assignments` change the config.
  explicit TrainingJob(int steps, Words assignments = {});

  ChildCommand command(int ranks = kRanks) const;
  /// The same with a fault that the run makes itself (launch/drill.h).
  ChildCommand drill(const std::string& fault, int ranks = kRanks) const;

  std::filesystem::path run() const { return folder_ / "run"; }
  int steps() const { return steps_; }
  /// The last step in the metrics; 0: none.
  std::int64_t logged_step() const;
  /// The newest checkpoint's step, every byte of it checked; 0: there is none.
  std::int64_t checkpoint_step() const;
  /// Removes what the run has written.
  void start_over() const { std::filesystem::remove_all(run()); }

 private:
  TemporaryFolder folder_;
  int steps_;
  Words settings_;
};

/// Seconds until `is_true` comes true, or none where that takes longer than `most`. Time in which
/// this process was itself stopped does not count.
std::optional<double> seconds_until(const std::function<bool()>& is_true, double most);
inline bool comes_true(double seconds, const std::function<bool()>& is_true) {
  return seconds_until(is_true, seconds).has_value();
}
/// Waits until the job has logged a step; false where the program ends first.
bool reaches_step(Program& program, const TrainingJob& job, std::int64_t step);

/// Sends a signal; then the seconds until the program is over, and how it ended.
struct End {
  double seconds = 0;
  Outcome outcome;
};
End end_after(Program& program, pid_t process, int number);
/// Waits for the program; `meanwhile` is done again and again.
End end_of(
    Program& program, const std::function<void()>& meanwhile = [] {});

/// Whether every process is gone (a zombie is).
bool are_gone(const std::vector<pid_t>& processes);

}  // namespace bam
