#include "launch/loss_guard.h"

#include <algorithm>
#include <cmath>

#include "runtime/check.h"

namespace bam {
namespace {

// Deviations count as at least this: numbers that hardly vary are no reason to rewind at a small
// step. Of the loss in nats, of the gradient norm's natural logarithm.
constexpr double kLeastDeviation = 0.02;

bool is_spike(const proto::RunningStatistic& usual, double value, const SpikeConfig& config) {
  const double deviation = std::max(std::sqrt(usual.variance()), kLeastDeviation);
  return usual.count() >= config.memory && value > usual.mean() + config.deviations * deviation;
}

/// Mean and variance that forget: of equal weights at first, then with 1 / memory for the newest.
void add(proto::RunningStatistic& usual, double value, const SpikeConfig& config) {
  usual.set_count(std::min(usual.count() + 1, config.memory));
  const double weight = 1.0 / static_cast<double>(usual.count());
  const double change = value - usual.mean();
  usual.set_mean(usual.mean() + weight * change);
  usual.set_variance((1 - weight) * (usual.variance() + weight * change * change));
}

}  // namespace

LossGuard::Verdict LossGuard::judge(std::int64_t step, const StepReport& report) {
  if (report.skipped) {
    return judge_skipped(step);
  }
  state_.set_skipped_in_a_row(0);
  if (!config_.spikes) {
    return Verdict::kGoOn;
  }
  const SpikeConfig& spikes = *config_.spikes;
  const double log_norm = std::log(std::max(report.gradient_norm, 1e-30));
  if (is_spike(state_.loss(), report.loss, spikes)) {
    reason_ = message_of("loss ", report.loss, " where ", state_.loss().mean(), " is usual");
    return judge_spike(step);
  }
  if (is_spike(state_.log_gradient_norm(), log_norm, spikes)) {
    reason_ = message_of("gradient norm ", report.gradient_norm, " where ",
                         std::exp(state_.log_gradient_norm().mean()), " is usual");
    return judge_spike(step);
  }
  add(*state_.mutable_loss(), report.loss, spikes);
  add(*state_.mutable_log_gradient_norm(), log_norm, spikes);
  return Verdict::kGoOn;
}

LossGuard::Verdict LossGuard::judge_skipped(std::int64_t step) {
  state_.set_skipped(state_.skipped() + 1);
  state_.set_skipped_in_a_row(state_.skipped_in_a_row() + 1);
  if (state_.skipped_in_a_row() < config_.non_finite_steps) {
    return Verdict::kGoOn;
  }
  reason_ = message_of("step ", step, ": loss or gradient was not finite in ",
                       state_.skipped_in_a_row(), " steps in a row");
  return Verdict::kStop;
}

LossGuard::Verdict LossGuard::judge_spike(std::int64_t step) {
  reason_ = message_of("step ", step, ": ", reason_);
  if (state_.rewinds() >= config_.spikes->most_rewinds) {
    reason_ += message_of(", after ", state_.rewinds(), " rewinds");
    return Verdict::kStop;
  }
  state_.set_rewinds(state_.rewinds() + 1);
  state_.add_left_out(data_step(step));
  std::ranges::sort(*state_.mutable_left_out());
  return Verdict::kRewind;
}

std::int64_t LossGuard::data_step(std::int64_t step) const {
  for (const std::int64_t left_out : state_.left_out()) {
    step += left_out <= step ? 1 : 0;
  }
  return step;
}

void LossGuard::rewound(const proto::GuardState& before) {
  state_.set_rewinds(before.rewinds());
  *state_.mutable_left_out() = before.left_out();
}

}  // namespace bam
