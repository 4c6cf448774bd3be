#include "launch/routing_log.h"

#include "io/routing_trace.h"

namespace bam {

RoutingLog::RoutingLog(const std::filesystem::path& folder, std::int64_t last_step,
                       const RunConfig& config)
    : every_(config.training.routing_trace_every), file_(folder / "routing.jsonl", last_step) {
  for (const DomainShare& domain : config.data.domains) {
    domains_.push_back(domain.name);
  }
}

void RoutingLog::add(std::int64_t step, const std::vector<LayerRouting>& routing, Step which) {
  add_routing(routing, window_);
  ++steps_;
  if (which == Step::kLast || step % every_ == 0) {
    const nlohmann::json line = routing_window(step, steps_, window_, domains_);
    window_.clear();  // the file keeps a line that it could not write
    steps_ = 0;
    file_.write(line);
  }
}

}  // namespace bam
