#include "launch/step_log.h"

#include <functional>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <utility>

#include "io/text_file.h"
#include "launch/replanning.h"
#include "launch/routing_json.h"
#include "launch/save_report.h"
#include "launch/training_setup.h"
#include "runtime/check.h"

namespace bam {
namespace {

std::vector<std::string> names_of(const std::vector<DomainShare>& domains) {
  std::vector<std::string> names;
  for (const DomainShare& domain : domains) {
    names.push_back(domain.name);
  }
  return names;
}

std::string slow_ranks_text(const std::vector<Straggler>& stragglers) {
  std::ostringstream text;
  for (const Straggler& slow : stragglers) {
    text << "  slow: rank " << slow.rank << ", " << name_of(slow.part) << " x"
         << std::setprecision(2) << slow.ratio;
  }
  return std::move(text).str();
}

/// A full disk costs lines for a while, not the run.
void or_go_on(const std::function<void()>& write) {
  try {
    write();
  } catch (const Error& error) {
    std::cerr << message_of("bam: ", error.what(), "; training goes on\n") << std::flush;
  }
}

/// Nothing is hidden where nothing is exchanged.
std::optional<double> hidden_share(const LoggedStep& logged) {
  const bool has_exchanged = logged.transfers && logged.transfers->comm_seconds > 0;
  return has_exchanged ? std::optional(logged.transfers->hidden_share()) : std::nullopt;
}

}  // namespace

StepLog::StepLog(const std::filesystem::path& folder, std::int64_t last_step,
                 const RunConfig& config, double ceiling)
    : config_(config),
      folder_(folder),
      learning_rate_(learning_rate_of(config)),
      domains_(names_of(config.data.domains)),
      ceiling_(ceiling),
      saved_step_(last_step) {
  open_files(last_step);
}

void StepLog::open_files(std::int64_t last_step) {
  metrics_.emplace(folder_ / "metrics.jsonl", last_step);
  if (config_.training.routing_trace_every > 0 && config_.model.mixture) {
    routing_.emplace(folder_, last_step, config_);
  } else if (const auto before = folder_ / "routing.jsonl"; is_file(before)) {
    const MetricsLog without_later_steps(before, last_step);  // that was traced, and is no more
  }
}

void StepLog::go_back_to(std::int64_t step, const std::string& reason) {
  open_files(step);
  saved_step_ = step;
  last_save_.reset();
  printer_.print_apart(
      message_of(reason, "; goes back to step ", step, " and leaves those data out"));
}

void StepLog::write(const LoggedStep& logged, nlohmann::json line) {
  const StepReport& report = logged.report;
  const double tokens = tokens_per_step(config_);
  const double flops = step_flops(config_);
  line["step"] = logged.step;
  line["loss"] = report.loss;
  line["balance_loss"] = report.balance_loss;
  line["z_loss"] = report.z_loss;
  line["learning_rate"] = learning_rate_.at(logged.step);
  line["gradient_norm"] = report.gradient_norm;
  line["skipped"] = report.skipped;
  line["expert_overflow"] = report.has_overflow;
  line["skipped_steps"] = logged.guard.skipped();
  line["rewinds"] = logged.guard.rewinds();
  for (const Straggler& slow : logged.stragglers) {
    line["slow_ranks"].push_back(
        {{"rank", slow.rank}, {"part", name_of(slow.part)}, {"ratio", slow.ratio}});
  }
  line["tokens"] = static_cast<double>(logged.step) * tokens;
  line["seconds"] = logged.phase_seconds;
  line["tokens_per_second"] = tokens / logged.seconds;
  line["flops"] = flops * static_cast<double>(logged.step);
  line["share_of_ceiling"] = flops / logged.seconds / ceiling_;
  if (logged.transfers) {
    line["comm_seconds"] = logged.transfers->comm_seconds;
    line["exposed_comm_seconds"] = logged.transfers->exposed_seconds;
  }
  if (const auto hidden = hidden_share(logged)) {
    line["hidden"] = *hidden;
  }
  if (!report.routing.empty() && !report.routing[0].ffn.empty()) {
    line["routing"] = routing_json(report.routing, domains_);
  }
  if (!saves_.empty()) {
    line["checkpoints"] = std::exchange(saves_, {});
  }
  or_go_on([&] { metrics_->write(line); });
  printer_.print(progress_line(progress_of(logged)) + slow_ranks_text(logged.stragglers) +
                     (report.has_overflow ? "  computed twice: experts had too little room" : ""),
                 logged.step == config_.training.steps);
}

void StepLog::add_routing(std::int64_t step, const std::vector<LayerRouting>& routing,
                          RoutingLog::Step which) {
  if (routing_) {
    or_go_on([&] { routing_->add(step, routing, which); });
  }
}

void StepLog::note(const SaveReport& save, std::int64_t staging_bytes) {
  saves_.push_back(json_of(save));
  saves_.back()["staging_bytes"] = staging_bytes;
  if (save.failure.empty()) {
    last_save_ = save;
    saved_step_ = save.step;
  } else {
    std::cerr << "bam: " + text_of(save, folder_) + "\n" << std::flush;
  }
}

void StepLog::print_last_save() {
  if (last_save_) {
    printer_.print_apart(text_of(*last_save_, folder_));
  }
}

void StepLog::print_replan(const Replan& replan, double seconds) {
  printer_.print_apart(replan_text(replan, seconds));
}

StepProgress StepLog::progress_of(const LoggedStep& logged) const {
  const std::int64_t left = config_.training.steps - logged.step;
  return {.step = logged.step,
          .steps = config_.training.steps,
          .loss = logged.report.loss,
          .tokens_per_second = tokens_per_step(config_) / logged.seconds,
          .flops_per_second = step_flops(config_) / logged.seconds,
          .ceiling = ceiling_,
          .hidden = hidden_share(logged),
          .saved_step = saved_step_,
          .seconds_left = logged.seconds * static_cast<double>(left)};
}

}  // namespace bam
