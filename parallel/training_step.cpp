#include "parallel/training_step.h"

#include <cmath>

#include "runtime/host.h"

namespace bam {
namespace {

double sum_of(Stream& stream, const Tensor& losses) {
  double sum = 0;
  for (const float loss : to_host<float>(stream, losses)) {
    sum += loss;
  }
  return sum;
}

}  // namespace

StepReport TrainingStep::run(Stream& stream, const StepInput& input) {
  StepReport report;
  if (forward_backward(stream, input, options_.capacity_factor, report) == Outcome::kOverflow) {
    report = StepReport();
    report.has_overflow = true;
    forward_backward(stream, input, /*capacity_factor=*/0, report);
  }
  parts_.enter(stream, StepPart::kUpdate);
  double loss = report.loss;
  world_.all_reduce_sum(stream, std::span(&loss, 1)).wait(stream);
  report.loss = loss / input.scored_targets;
  const ShardedOptimizer::StepResult update =
      optimizer_.step(stream, input.learning_rate, input.step, std::isfinite(report.loss));
  report.gradient_norm = update.gradient_norm;
  report.skipped = update.skipped;
  report.parts = parts_.finish(stream);
  return report;
}

// Gradients of every weight. After an overflow they are no use, and no sum of them has begun.
TrainingStep::Outcome TrainingStep::forward_backward(Stream& stream, const StepInput& input,
                                                     double capacity_factor, StepReport& report) {
  store_.zero_gradients(stream);
  for (std::int64_t m = 0; m < input.micro_steps; ++m) {
    const bool is_last = m + 1 == input.micro_steps;
    parts_.enter(stream, StepPart::kData);
    if (micro_step(stream, input, input.batch(m), is_last ? Gradients::kWhole : Gradients::kPartial,
                   capacity_factor, report) == Outcome::kOverflow) {
      return Outcome::kOverflow;
    }
  }
  return Outcome::kDone;
}

TrainingStep::Outcome TrainingStep::micro_step(Stream& stream, const StepInput& input,
                                               const Batch& fresh, Gradients gradients,
                                               double capacity_factor, StepReport& report) {
  // Sums over the copies of a weight travel while backward goes on.
  const auto ready = [&](const std::function<bool(const ParameterSpec&)>& is_ready) {
    if (gradients == Gradients::kWhole && options_.overlap == Overlap::kOn) {
      optimizer_.gradients_ready(stream, is_ready);
    }
  };
  parts_.enter(stream, StepPart::kForward);
  const double rows = input.rows / static_cast<double>(input.micro_steps);
  const double share = rows / input.rows;
  const bool repeats =
      can_record(stream, capacity_factor) &&
      repeated_.begin(stream, fresh, {fresh.sequences, fresh.length, capacity_factor, rows, share});
  Saved once;
  Saved& saved = repeats ? repeated_.saved() : once;
  const Batch& batch = repeats ? repeated_.batch() : fresh;
  model_.forward(stream, batch, options_.keep, saved, capacity_factor);

  // Balancing needs every rank's counts; their sum travels while the output head is computed.
  std::vector<double> routing = flatten(saved.routing);
  routing.push_back(saved.has_overflow ? 1 : 0);
  Pending summed = world_.all_reduce_sum(stream, routing);
  if (options_.overlap == Overlap::kOff) {
    summed.wait(stream);
  }
  parts_.enter(stream, StepPart::kLoss);
  const Tensor losses =
      model_.losses_and_gradient(stream, batch, saved, 1.0 / input.scored_targets);
  summed.wait(stream);
  if (routing.back() > 0) {
    return Outcome::kOverflow;
  }
  ready([](const ParameterSpec& spec) { return spec.role == Role::kOutput; });
  unflatten(std::span(routing).first(routing.size() - 1), saved.routing);

  parts_.enter(stream, StepPart::kBackward);
  model_.backward(
      stream, batch, saved, balance_terms(model_.config(), saved.routing, share, rows),
      [&](int layer) { ready([&](const ParameterSpec& spec) { return spec.layer == layer; }); });

  report.loss += sum_of(stream, losses);
  const AuxiliaryLoss auxiliary = auxiliary_loss(model_.config(), saved.routing);
  report.balance_loss += auxiliary.balance * share;
  report.z_loss += auxiliary.z * share;
  add_routing(saved.routing, report.routing);
  return Outcome::kDone;
}

bool TrainingStep::can_record(const Stream& stream, double capacity_factor) const {
  return options_.records && stream.device() == DeviceKind::kCuda &&
         model_.obstacle_to_recording(capacity_factor).empty();
}

}  // namespace bam
