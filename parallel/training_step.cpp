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

// What routers did on all ranks: the sum travels while the output head is computed.
class RoutingSum {
 public:
  // `saved` outlives it.
  RoutingSum(Stream& stream, Communicator& world, Saved& saved, bool can_overflow)
      : routing_(saved.routing), numbers_(flatten(saved.routing)), can_overflow_(can_overflow) {
    if (can_overflow_) {
      numbers_.push_back(saved.has_overflow ? 1 : 0);
    }
    summed_ = world.all_reduce_sum(stream, numbers_);
  }
  RoutingSum(const RoutingSum&) = delete;
  RoutingSum& operator=(const RoutingSum&) = delete;

  void wait(Stream& stream) { summed_.wait(stream); }
  // After wait(): whether there was too little room on some rank.
  bool has_overflow() const { return can_overflow_ && numbers_.back() > 0; }
  // After wait(): saved.routing is that of all ranks.
  void write_back() {
    unflatten(std::span(numbers_).first(numbers_.size() - (can_overflow_ ? 1 : 0)), routing_);
  }

 private:
  std::vector<LayerRouting>& routing_;
  std::vector<double> numbers_;
  bool can_overflow_;
  Pending summed_;
};

}  // namespace

StepReport TrainingStep::run(Stream& stream, const StepInput& input) {
  Computed computed;
  if (forward_backward(stream, input, options_.capacity_factor, computed) == Outcome::kOverflow) {
    repeated_.forget();  // its memory may be needed
    computed = Computed();
    computed.report.has_overflow = true;
    forward_backward(stream, input, /*capacity_factor=*/0, computed);
  }
  parts_.enter(stream, StepPart::kUpdate);
  StepReport& report = computed.report;
  for (const Tensor& losses : computed.losses) {
    report.loss += sum_of(stream, losses);
  }
  world_.all_reduce_sum(stream, std::span(&report.loss, 1)).wait(stream);
  report.loss /= input.scored_targets;
  const ShardedOptimizer::StepResult update =
      optimizer_.step(stream, input.learning_rate, input.step, std::isfinite(report.loss));
  report.gradient_norm = update.gradient_norm;
  report.skipped = update.skipped;
  report.parts = parts_.finish(stream);
  return report;
}

// Gradients of every weight. After an overflow they are no use, and no sum of them has begun.
TrainingStep::Outcome TrainingStep::forward_backward(Stream& stream, const StepInput& input,
                                                     double capacity_factor, Computed& computed) {
  store_.restart_gradients(stream);
  const double rows = input.rows / static_cast<double>(input.micro_steps);
  Outcome outcome = Outcome::kDone;
  for (std::int64_t m = 0; m < input.micro_steps && outcome == Outcome::kDone; ++m) {
    parts_.enter(stream, StepPart::kData);
    const bool is_last = m + 1 == input.micro_steps;
    MicroStep micro{.batch = input.batch(m),
                    .share = rows / input.rows,
                    .rows = rows,
                    .capacity_factor = capacity_factor,
                    .gradients = is_last ? Gradients::kWhole : Gradients::kPartial};
    Saved once;
    const bool repeats = can_record(stream, capacity_factor) &&
                         repeated_.begin(stream, micro.batch, {capacity_factor, rows, micro.share});
    if (repeats) {
      store_.settle_gradients(stream);  // what is recorded adds, whichever micro-step it is
      micro.batch = repeated_.batch();
    }
    outcome = compute(stream, input, micro, repeats ? repeated_.saved() : once, computed);
  }
  store_.settle_gradients(stream);
  return outcome;
}

TrainingStep::Outcome TrainingStep::compute(Stream& stream, const StepInput& input,
                                            const MicroStep& micro, Saved& saved,
                                            Computed& computed) {
  // Sums over the copies of a weight travel while backward goes on.
  const auto ready = [&](const std::function<bool(const ParameterSpec&)>& is_ready) {
    if (micro.gradients == Gradients::kWhole && options_.overlap == Overlap::kOn) {
      store_.settle_gradients(stream, is_ready);
      optimizer_.gradients_ready(stream, is_ready);
    }
  };
  parts_.enter(stream, StepPart::kForward);
  model_.forward(stream, micro.batch, options_.keep, saved, micro.capacity_factor);
  RoutingSum routing(stream, world_, saved, /*can_overflow=*/micro.capacity_factor > 0);
  if (options_.overlap == Overlap::kOff) {
    routing.wait(stream);
  }
  parts_.enter(stream, StepPart::kLoss);
  computed.losses.push_back(
      model_.losses_and_gradient(stream, micro.batch, saved, 1.0 / input.scored_targets));
  if (micro.capacity_factor > 0) {
    routing.wait(stream);
    if (routing.has_overflow()) {
      return Outcome::kOverflow;
    }
  }
  ready([](const ParameterSpec& spec) { return spec.role == Role::kOutput; });
  routing.wait(stream);
  routing.write_back();

  parts_.enter(stream, StepPart::kBackward);
  model_.backward(
      stream, micro.batch, saved,
      balance_terms(model_.config(), saved.routing, micro.share, micro.rows),
      [&](int layer) { ready([&](const ParameterSpec& spec) { return spec.layer == layer; }); });

  const AuxiliaryLoss auxiliary = auxiliary_loss(model_.config(), saved.routing);
  computed.report.balance_loss += auxiliary.balance * micro.share;
  computed.report.z_loss += auxiliary.z * micro.share;
  add_routing(saved.routing, computed.report.routing);
  return Outcome::kDone;
}

bool TrainingStep::can_record(const Stream& stream, double capacity_factor) const {
  return options_.records && stream.device() == DeviceKind::kCuda &&
         model_.obstacle_to_recording(capacity_factor).empty();
}

}  // namespace bam
