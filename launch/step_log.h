#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "io/checkpoint_writer.h"
#include "io/metrics.h"
#include "io/run_config.h"
#include "launch/progress.h"
#include "launch/routing_log.h"
#include "parallel/learning_rate.h"
#include "parallel/planner/replan.h"
#include "parallel/straggler_watch.h"
#include "parallel/training_step.h"

namespace bam {

/// What is told of one step.
struct LoggedStep {
  std::int64_t step = 0;
  const StepReport& report;
  double seconds = 0;                      // of this step
  double phase_seconds = 0;                // of all steps of this phase so far
  std::optional<TransferTimes> transfers;  // of rank 0; none on GPUs, where the host sees none
  const proto::GuardState& guard;
  const std::vector<Straggler>& stragglers;
};

/// Tells of steps, on rank 0: a line of `metrics.jsonl` each, the progress line, and where the
/// config has it routing.
class StepLog {
 public:
  /// Goes on after step `last_step`. `config` outlives it; `ceiling` as in StepProgress. Throws
  /// BadInput where a file cannot be written.
  StepLog(const std::filesystem::path& folder, std::int64_t last_step, const RunConfig& config,
          double ceiling);

  /// Drops what was told of later steps, and says why.
  void go_back_to(std::int64_t step, const std::string& reason);
  /// Adds to `line` what is known of every step, and writes it; a full disk costs lines for a
  /// while, not the run.
  void write(const LoggedStep& logged, nlohmann::json line);
  /// What a step routed, over all ranks, where it is traced.
  void add_routing(std::int64_t step, const std::vector<LayerRouting>& routing,
                   RoutingLog::Step which);
  /// Has the next line list a save that is over. One that failed is told of on standard error.
  void note(const SaveReport& save, std::int64_t staging_bytes);
  /// Tells of the last save that went well, if there was one.
  void print_last_save();
  /// Tells that experts were placed anew, and how long that took.
  void print_replan(const Replan& replan, double seconds);

 private:
  void open_files(std::int64_t last_step);
  StepProgress progress_of(const LoggedStep& logged) const;

  const RunConfig& config_;
  std::filesystem::path folder_;
  LearningRate learning_rate_;
  std::vector<std::string> domains_;
  double ceiling_;
  std::optional<MetricsLog> metrics_;
  std::optional<RoutingLog> routing_;  // absent where none is traced
  ProgressPrinter printer_;
  std::int64_t saved_step_;              // of the newest checkpoint; 0: none
  std::optional<SaveReport> last_save_;  // of this process, that went well and stands
  nlohmann::json saves_;                 // since the last line
};

}  // namespace bam
