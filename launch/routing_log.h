#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "io/metrics.h"
#include "io/run_config.h"
#include "model/routing_statistics.h"

namespace bam {

/// Writes a run's `routing.jsonl`, on rank 0: a line a window (io/routing_trace.h).
class RoutingLog {
 public:
  /// Goes on after step `last_step`; every config.training.routing_trace_every steps are a window.
  /// Throws BadInput where the file cannot be written.
  RoutingLog(const std::filesystem::path& folder, std::int64_t last_step, const RunConfig& config);

  /// What a step routed, over all ranks. The window ends with the run's last step, if not before.
  enum class Step { kLast, kAmongOthers };
  void add(std::int64_t step, const std::vector<LayerRouting>& routing, Step which);

 private:
  std::int64_t every_;
  std::vector<std::string> domains_;
  MetricsLog file_;
  std::vector<LayerRouting> window_;
  std::int64_t steps_ = 0;  // in it
};

}  // namespace bam
