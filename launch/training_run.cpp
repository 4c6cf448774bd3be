#include "launch/training_run.h"

#include <sys/resource.h>

#include <chrono>
#include <iostream>

#include "io/field_check.h"
#include "io/text_file.h"
#include "launch/evaluation.h"
#include "launch/exit_codes.h"
#include "launch/rank_reports.h"
#include "launch/training_setup.h"
#include "runtime/ceiling.h"
#include "runtime/check.h"

namespace bam {
namespace {

// Most bytes that this process ever had resident.
double peak_resident_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return 1024.0 * static_cast<double>(usage.ru_maxrss);
}

}  // namespace

TrainingRun::TrainingRun(Stream& stream, Communicator& world, const proto::RunConfig& config,
                         const std::string& config_name, const std::filesystem::path& folder,
                         RunWatch& watch)
    : stream_(stream),
      watch_(watch),
      world_(world),
      input_(world, config, config_name, folder),
      config_(input_.config),
      start_(open_start(stream, world, input_)),
      plan_(naming(config_name + ": parallel.placement",
                   [&] { return PlanInForce(config_, input_.layout.expert_parallel(), start_); })),
      steps_(stream, world, input_),
      trainer_(stream, world, input_.layout, config_.model, plan_.placement(),
               trainer_options(config_)),
      state_(config_),
      stragglers_(world.size()),
      saves_(stream, world, config_, input_.text, input_.folder,
             [this](const SaveReport& save, std::int64_t staging_bytes) {
               if (log_) {
                 log_->note(save, staging_bytes);
               }
             }) {
  state_.begin(start_);
  begin_weights(start_);
  start_.reset();
}

void TrainingRun::begin_weights(const std::optional<StartPoint>& start) {
  if (!start) {
    trainer_.draw_weights(config_.training.seed);
    return;
  }
  read_weights(start->checkpoint, start->resumes ? Moments::kRead : Moments::kLeave);
  if (start->resumes) {
    saves_.set_newest(start->checkpoint.step());
  }
}

void TrainingRun::read_weights(const CheckpointReader& checkpoint, Moments moments) {
  read_state(checkpoint, trainer_.store().specs(), moments, trainer_.optimizer());
  trainer_.optimizer().publish(stream_);
}

void TrainingRun::trace_step(std::int64_t step) {
  check_input(state_.step < step && step <= config_.training.steps, "--trace-step: ", step,
              " where one of the steps ", state_.step + 1, " to ", config_.training.steps,
              " was expected");
  steps_.trace(step);
}

int TrainingRun::run() {
  begin_logs();
  if (state_.step >= config_.training.steps && saves_.newest() == state_.step) {
    return kDone;
  }
  if (!saves_.open(trainer_)) {
    return kNotSaved;
  }
  int signal = agree_after_step({});
  while (state_.step < config_.training.steps && signal == 0) {
    if (const std::optional<int> end = next_step(signal)) {
      return *end;
    }
  }
  if (!save_the_last()) {
    return kNotSaved;
  }
  return signal == 0 ? kDone : 128 + signal;
}

// Until all ranks are ready nothing is written; and they measure at once, as they will compute.
void TrainingRun::begin_logs() {
  const DType dtype =
      config_.training.precision == Precision::kFloat32 ? DType::kFloat32 : DType::kBFloat16;
  world_.barrier(stream_).wait(stream_);
  double ceiling = measure_ceiling(stream_, dtype, CeilingEffort::kQuick);
  world_.all_reduce_sum(stream_, std::span(&ceiling, 1)).wait(stream_);
  if (world_.rank() == 0) {
    make_folder(input_.folder);
    log_.emplace(input_.folder, state_.step, config_, ceiling);
    tell_of_start();
  }
}

// Of a run that has something behind it.
void TrainingRun::tell_of_start() const {
  const std::int64_t steps = config_.training.steps;
  if (state_.step >= steps) {
    std::cout << input_.folder.string() << ": step " << state_.step << " of " << steps
              << " is done; nothing is left to train" << std::endl;
  } else if (state_.step > 0) {
    std::cout << (input_.folder / step_folder(state_.step)).string() << ": going on from step "
              << state_.step << " of " << steps << std::endl;
  }
}

// The exit code, where the run ends here; else the signal that all ranks have agreed on.
std::optional<int> TrainingRun::next_step(int& signal) {
  const auto start = std::chrono::steady_clock::now();
  world_.clock().reset();
  watch_.begin_step(state_.step + 1);
  const StepReport report = steps_.train(trainer_, state_);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  if (stream_.device() == DeviceKind::kCpu) {
    transfers_ = world_.clock().times();
  }
  signal = agree_after_step(report);
  watch_.end_step(elapsed.count());
  const LossGuard::Verdict verdict = state_.guard.judge(state_.step, report);
  if (verdict == LossGuard::Verdict::kRewind) {
    return rewind() ? std::nullopt : std::optional<int>(kNotSaved);
  }
  if (state_.replanning) {
    state_.replanning->count(report, tokens_per_step(config_));
  }
  const std::optional<Replan> better = better_placement();
  after_step(report, elapsed.count(), signal, better);
  if (verdict == LossGuard::Verdict::kStop) {
    return stop_diverged();
  }
  if (saves_.is_due(state_.step)) {
    watch_.begin_slow_part("saving");
    // It says where experts are from here on: who resumes from it does as this run.
    saves_.save(checkpoint_info(better ? better->placement : trainer_.placement()));
  }
  if (better && signal == 0 && !move_experts(*better)) {
    return kNotSaved;
  }
  return std::nullopt;
}

// Every rank has judged alike, so every rank goes back. Whether what follows can be saved.
bool TrainingRun::rewind() {
  watch_.begin_slow_part("going back");
  saves_.finish();
  const auto start = open_start(stream_, world_, input_);
  trainer_.optimizer().forget();
  if (state_.replanning) {
    place_as_at(start);
  }
  state_.go_back_to(start);
  begin_weights(start);
  if (world_.rank() == 0) {
    log_->go_back_to(state_.step, state_.guard.reason());
  }
  return saves_.is_open() || saves_.open(trainer_);
}

// Where the newest checkpoint was damaged, experts are elsewhere than at the one before it.
void TrainingRun::place_as_at(const std::optional<StartPoint>& start) {
  plan_ = PlanInForce(config_, input_.layout.expert_parallel(), start);
  if (plan_.placement() != trainer_.placement()) {
    saves_.close();
    trainer_.place(plan_.placement());
  }
}

int TrainingRun::stop_diverged() {
  saves_.finish();
  if (world_.rank() == 0) {
    std::cerr << "bam: " + state_.guard.reason() + "; stops without a checkpoint of it\n"
              << std::flush;
  }
  return kDiverged;
}

std::optional<Replan> TrainingRun::better_placement() {
  if (!state_.replanning || !saves_.is_due(state_.step) || state_.step == config_.training.steps) {
    return std::nullopt;
  }
  watch_.begin_slow_part("planning");
  std::optional<BetterPlacement> better = state_.replanning->better_than(trainer_.placement());
  if (!better) {
    return std::nullopt;
  }
  plan_.may_become(better->plan, better->found.placement, trainer_.placement());
  return std::move(better->found);
}

// By way of the checkpoint of this step, so that no rank holds a weight twice; without it they
// stay. Whether what follows can be saved.
bool TrainingRun::move_experts(const Replan& replan) {
  watch_.begin_slow_part("placing experts anew");
  const auto start = std::chrono::steady_clock::now();
  saves_.finish();
  if (saves_.newest() != state_.step) {
    return true;
  }
  saves_.close();
  trainer_.place(replan.placement);
  read_weights(CheckpointReader(input_.folder / step_folder(state_.step)), Moments::kRead);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  if (world_.rank() == 0) {
    log_->print_replan(replan, elapsed.count());
  }
  return saves_.open(trainer_);
}

// One rank's signal stops all, at the same step; and a checkpoint moves on once all have done their
// parts.
int TrainingRun::agree_after_step(const StepReport& report) {
  if (steps_.leaves_out_agreement(state_)) {
    return 0;
  }
  const auto reports = gather_reports(stream_, world_,
                                      {.signal = stop_signal_.received(),
                                       .has_saved = saves_.is_ready() ? 1 : 0,
                                       .parts = report.parts});
  if (have_saved(reports)) {
    saves_.advance();
  }
  if (world_.rank() == 0) {
    stragglers_.add(parts_of(reports));
  }
  return agreed_signal(reports);
}

void TrainingRun::after_step(const StepReport& report, double seconds, int signal,
                             const std::optional<Replan>& better) {
  state_.seconds += seconds;
  const std::int64_t every = config_.training.validate_every;
  const bool is_last = state_.step == config_.training.steps;
  if (log_) {
    log_->add_routing(
        state_.step, report.routing,
        is_last || signal != 0 ? RoutingLog::Step::kLast : RoutingLog::Step::kAmongOthers);
  }
  nlohmann::json line;
  if (every > 0 && (state_.step % every == 0 || is_last)) {
    validate(line);
  }
  if (better) {
    line["replan"] = replan_json(*better);
  }
  if (is_last || signal != 0 || better || state_.step % config_.training.log_every == 0) {
    double resident = peak_resident_bytes();
    world_.all_reduce_sum(stream_, std::span(&resident, 1)).wait(stream_);
    line["peak_resident_bytes"] = resident;
    if (world_.rank() == 0) {
      log_->write({.step = state_.step,
                   .report = report,
                   .seconds = seconds,
                   .phase_seconds = state_.seconds,
                   .transfers = transfers_,
                   .guard = state_.guard.state(),
                   .stragglers = stragglers_.found()},
                  std::move(line));
    }
  }
}

void TrainingRun::validate(nlohmann::json& line) {
  watch_.begin_slow_part("evaluation");
  for (std::size_t d = 0; d < input_.validation.size(); ++d) {
    const DomainScore score = evaluate(stream_, trainer_.model(), input_.validation[d], world_,
                                       input_.layout, input_.sequences_of_micro_step());
    line["validation"][config_.data.domains[d].name] = score.loss();
  }
}

CheckpointInfo TrainingRun::checkpoint_info(const Placement& placement) const {
  CheckpointInfo info = state_.checkpoint_info(input_);
  if (config_.model.mixture) {
    info.placement = plan_.message_of(placement);
  }
  return info;
}

// Whether the newest weights are in a checkpoint that stands.
bool TrainingRun::save_the_last() {
  watch_.begin_slow_part("saving");
  saves_.finish();
  if (saves_.newest() != state_.step) {
    saves_.save_now(checkpoint_info(trainer_.placement()));
  }
  const bool is_saved = saves_.newest() == state_.step;
  if (is_saved && world_.rank() == 0) {
    log_->print_last_save();
  }
  return is_saved;
}

}  // namespace bam
