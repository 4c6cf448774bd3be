#include "launch/training_run.h"

#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <iostream>

#include "io/checkpoint_state.h"
#include "io/field_check.h"
#include "io/text_file.h"
#include "io/trace_file.h"
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

std::filesystem::path makeable(std::filesystem::path folder) {
  check_folder_can_be_made(folder);
  return folder;
}

}  // namespace

TrainingRun::TrainingRun(Stream& stream, Communicator& world, const proto::RunConfig& config,
                         const std::string& config_name, std::filesystem::path folder,
                         RunWatch& watch)
    : stream_(stream),
      watch_(watch),
      world_(world),
      config_(run_config_of(config, config_name)),
      config_name_(config_name),
      text_(config),
      folder_(makeable(std::move(folder))),
      layout_(naming(config_name, [&] { return Layout(world, config_.parallel.expert_parallel); })),
      data_(naming(config_name,
                   [&] {
                     return open_training_data(config_,
                                               world.rank() == 0 ? Verify::kYes : Verify::kNo);
                   })),
      validation_(open_validation_data(config_)),
      tokenizer_(tokenizer_beside(data_.domains()[0].data)),
      start_(open_start(stream, world, start_request())),
      plan_(naming(config_name + ": parallel.placement",
                   [&] { return PlanInForce(config_, layout_.expert_parallel(), start_); })),
      trainer_(stream, world, layout_, config_.model, plan_.placement(), trainer_options(config_)),
      learning_rate_(learning_rate_of(config_)),
      drill_(Drill::from_environment(world.rank())),
      guard_(config_.guard),
      stragglers_(world.size()),
      peers_(stream, world) {
  if (config_.parallel.replan) {
    replanning_.emplace(*config_.parallel.replan, config_.model, config_.data.sequence_length);
  }
  begin(start_);
  start_.reset();
}

StartRequest TrainingRun::start_request() const {
  return {config_, text_, config_name_, folder_, tokenizer_, data_};
}

void TrainingRun::begin(const std::optional<StartPoint>& start) {
  if (start) {
    begin_from_checkpoint(start->checkpoint, start->resumes);
  } else {
    trainer_.draw_weights(config_.training.seed);
  }
}

// Every rank has judged alike, so every rank goes back. Whether what follows can be saved.
bool TrainingRun::rewind() {
  watch_.begin_slow_part("going back");
  checkpoints_->finish();
  tell_of_saves();
  const double seconds = seconds_;
  const proto::GuardState before = guard_.state();
  const auto start = open_start(stream_, world_, start_request());
  step_ = 0;
  guard_.resume({});
  trainer_.optimizer().forget();
  if (replanning_) {
    replanning_->forget();
    place_as_at(start);
  }
  begin(start);
  seconds_ = seconds;
  guard_.rewound(before);
  if (world_.rank() == 0) {
    log_->go_back_to(step_, guard_.reason());
    if (routing_log_) {
      routing_log_.emplace(folder_, step_, config_);
    }
  }
  return checkpoints_ || can_save();
}

// Where the newest checkpoint was damaged, experts are elsewhere than at the one before it.
void TrainingRun::place_as_at(const std::optional<StartPoint>& start) {
  plan_ = PlanInForce(config_, layout_.expert_parallel(), start);
  if (plan_.placement() != trainer_.placement()) {
    checkpoints_.reset();
    trainer_.place(plan_.placement());
  }
}

int TrainingRun::stop_diverged() {
  checkpoints_->finish();
  tell_of_saves();
  if (world_.rank() == 0) {
    std::cerr << "bam: " + guard_.reason() + "; stops without a checkpoint of it\n" << std::flush;
  }
  return kDiverged;
}

void TrainingRun::begin_from_checkpoint(const CheckpointReader& checkpoint, bool resumes) {
  read_state(checkpoint, trainer_.store().specs(), resumes ? Moments::kRead : Moments::kLeave,
             trainer_.optimizer());
  trainer_.optimizer().publish(stream_);
  tokens_before_ = checkpoint.tokens_cumulative();
  if (resumes) {
    step_ = checkpoint.step();
    saved_step_ = step_;
    tokens_before_ -= checkpoint.tokens_phase();
    seconds_ = checkpoint.seconds();
    parents_ = checkpoint.parents();
    guard_.resume(checkpoint.guard());
    if (replanning_) {
      replanning_->go_on_from(checkpoint);
    }
  } else {
    parents_ = {checkpoint.lineage()};
  }
}

void TrainingRun::trace_step(std::int64_t step) {
  check_input(step_ < step && step <= config_.training.steps, "--trace-step: ", step,
              " where one of the steps ", step_ + 1, " to ", config_.training.steps,
              " was expected");
  traced_step_ = step;
}

int TrainingRun::run() {
  const DType dtype =
      config_.training.precision == Precision::kFloat32 ? DType::kFloat32 : DType::kBFloat16;
  // Until all ranks are ready nothing is written; and they measure at once, as they will compute.
  world_.barrier(stream_).wait(stream_);
  double ceiling = measure_ceiling(stream_, dtype, CeilingEffort::kQuick);
  world_.all_reduce_sum(stream_, std::span(&ceiling, 1)).wait(stream_);
  if (world_.rank() == 0) {
    make_folder(folder_);
    log_.emplace(folder_, step_, config_, ceiling);
    if (config_.training.routing_trace_every > 0 && config_.model.mixture) {
      routing_log_.emplace(folder_, step_, config_);
    }
  }
  if (step_ >= config_.training.steps && world_.rank() == 0) {
    std::cout << folder_.string() << ": step " << step_ << " of " << config_.training.steps
              << " is done; nothing is left to train" << std::endl;
  }
  if (step_ >= config_.training.steps && saved_step_ == step_) {
    return kDone;
  }
  if (!can_save()) {
    return kNotSaved;
  }
  int signal = agree_after_step({});
  while (step_ < config_.training.steps && signal == 0) {
    const auto start = std::chrono::steady_clock::now();
    world_.clock().reset();
    watch_.begin_step(step_ + 1);
    const StepReport report = train_step();
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    if (stream_.device() == DeviceKind::kCpu) {
      transfers_ = world_.clock().times();
    }
    signal = agree_after_step(report);
    watch_.end_step(elapsed.count());
    const LossGuard::Verdict verdict = guard_.judge(step_, report);
    if (verdict == LossGuard::Verdict::kRewind) {
      if (!rewind()) {
        return kNotSaved;
      }
      continue;
    }
    if (replanning_) {
      replanning_->count(report, tokens_per_step(config_));
    }
    const std::optional<Replan> better = better_placement();
    after_step(report, elapsed.count(), signal, better);
    if (verdict == LossGuard::Verdict::kStop) {
      return stop_diverged();
    }
    if (is_boundary()) {
      watch_.begin_slow_part("saving");
      // It says where experts are from here on: who resumes from it does as this run.
      checkpoints_->save(checkpoint_info(better ? better->placement : trainer_.placement()));
      if (!saves_in_background()) {
        checkpoints_->finish();
      }
      tell_of_saves();
    }
    if (better && signal == 0 && !move_experts(*better)) {
      return kNotSaved;
    }
  }
  if (!save_the_last()) {
    return kNotSaved;
  }
  return signal == 0 ? kDone : 128 + signal;
}

bool TrainingRun::saves_in_background() const {
  return config_.checkpoint.in_background && config_.checkpoint.every > 0;
}

bool TrainingRun::is_boundary() const {
  const std::int64_t every = config_.checkpoint.every;
  return every > 0 && step_ % every == 0;
}

std::optional<Replan> TrainingRun::better_placement() {
  return replanning_ && is_boundary() && step_ < config_.training.steps
             ? replanning_->better_than(trainer_.placement())
             : std::nullopt;
}

// By way of the checkpoint of this step, so that no rank holds a weight twice; without it they
// stay. Whether what follows can be saved.
bool TrainingRun::move_experts(const Replan& replan) {
  watch_.begin_slow_part("placing experts anew");
  const auto start = std::chrono::steady_clock::now();
  checkpoints_->finish();
  tell_of_saves();
  if (saved_step_ != step_) {
    return true;
  }
  checkpoints_.reset();
  trainer_.place(replan.placement);
  read_state(CheckpointReader(folder_ / step_folder(step_)), trainer_.store().specs(),
             Moments::kRead, trainer_.optimizer());
  trainer_.optimizer().publish(stream_);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  if (world_.rank() == 0) {
    log_->print_replan(replan, elapsed.count());
  }
  return can_save();
}

StepReport TrainingRun::train_step() {
  ++step_;
  const std::int64_t data_step = guard_.data_step(step_);
  const auto targets = static_cast<double>(data_.scored_targets(data_step));
  const StepInput input{.step = step_,
                        .learning_rate = learning_rate_.at(step_),
                        .micro_steps = config_.training.micro_steps,
                        .scored_targets = drill_.divisor(data_step, targets),
                        .rows = tokens_per_step(config_),
                        .batch = [&](std::int64_t m) { return batch(data_step, m); }};
  drill_.begin_step(data_step);
  std::optional<Drill::Poison> poison;
  if (drill_.strikes(Drill::Fault::kNan, data_step)) {
    poison.emplace(stream_, trainer_.store());
  }
  return step_ == traced_step_ ? traced_step(input) : trainer_.step(input);
}

// All ranks' traces begin at one moment, so that they can be laid beside each other.
StepReport TrainingRun::traced_step(const StepInput& input) {
  world_.barrier(stream_).wait(stream_);
  const double origin = Trace::now();
  stream_.record(&trace_);
  StepReport report = trainer_.step(input);
  stream_.record(nullptr);
  const int rank = world_.rank();
  write_trace(folder_ / ("trace-rank-" + std::to_string(rank) + ".json"), trace_, rank, origin);
  return report;
}

Batch TrainingRun::batch(std::int64_t step, std::int64_t micro_step) {
  const std::int64_t sequences = config_.training.sequences_per_step / config_.training.micro_steps;
  return data_.batch(stream_, step, micro_step, layout_.first_sequence(sequences),
                     layout_.sequences(sequences), layout_.group_sequences(sequences));
}

// One rank's signal stops all, at the same step; and a checkpoint moves on once all have done their
// parts.
int TrainingRun::agree_after_step(const StepReport& report) {
  if (drill_.strikes(Drill::Fault::kSkip, guard_.data_step(step_))) {
    return 0;
  }
  const auto reports = gather_reports(stream_, world_,
                                      {.signal = stop_signal_.received(),
                                       .has_saved = checkpoints_->is_ready() ? 1 : 0,
                                       .parts = report.parts});
  if (have_saved(reports)) {
    checkpoints_->advance();
    tell_of_saves();
  }
  if (world_.rank() == 0) {
    stragglers_.add(parts_of(reports));
  }
  return agreed_signal(reports);
}

void TrainingRun::after_step(const StepReport& report, double seconds, int signal,
                             const std::optional<Replan>& better) {
  seconds_ += seconds;
  const std::int64_t every = config_.training.validate_every;
  const bool is_last = step_ == config_.training.steps;
  if (routing_log_) {
    routing_log_->add(step_, report.routing,
                      is_last || signal != 0 ? RoutingLog::Step::kLast
                                             : RoutingLog::Step::kAmongOthers);
  }
  nlohmann::json line;
  if (every > 0 && (step_ % every == 0 || is_last)) {
    validate(line);
  }
  if (better) {
    line["replan"] = replan_json(*better);
  }
  if (is_last || signal != 0 || better || step_ % config_.training.log_every == 0) {
    double resident = peak_resident_bytes();
    world_.all_reduce_sum(stream_, std::span(&resident, 1)).wait(stream_);
    line["peak_resident_bytes"] = resident;
    if (world_.rank() == 0) {
      log_->write({.step = step_,
                   .report = report,
                   .seconds = seconds,
                   .phase_seconds = seconds_,
                   .transfers = transfers_,
                   .guard = guard_.state(),
                   .stragglers = stragglers_.found()},
                  std::move(line));
    }
  }
}

void TrainingRun::validate(nlohmann::json& line) {
  watch_.begin_slow_part("evaluation");
  for (std::size_t d = 0; d < validation_.size(); ++d) {
    const DomainScore score =
        evaluate(stream_, trainer_.model(), validation_[d], world_, layout_,
                 config_.training.sequences_per_step / config_.training.micro_steps);
    line["validation"][config_.data.domains[d].name] = score.loss();
  }
}

// All ranks learn here that the disk has no room, before a step is trained that could not be saved.
bool TrainingRun::can_save() {
  const CheckpointConfig& config = config_.checkpoint;
  // What is on a GPU is copied even where training waits for it to be written.
  const bool copies = saves_in_background() || stream_.device() == DeviceKind::kCuda;
  try {
    checkpoints_.emplace(peers_,
                         CheckpointPlan{.folder = folder_,
                                        .specs = trainer_.store().specs(),
                                        .is_stored = stored_states(text_),
                                        .retention = {.keep_last = config.keep_last,
                                                      .keep_every = config.keep_every}},
                         owned_tiles(trainer_.optimizer()), copies ? &stream_ : nullptr);
  } catch (const CannotSave& error) {
    if (world_.rank() == 0) {
      std::cerr << message_of("bam: ", error.what(), "\n") << std::flush;
    }
  }
  return checkpoints_.has_value();
}

CheckpointInfo TrainingRun::checkpoint_info(const Placement& placement) const {
  const auto tokens = static_cast<std::int64_t>(tokens_per_step(config_)) * step_;
  return {.step = step_,
          .tokens_phase = tokens,
          .tokens_cumulative = tokens_before_ + tokens,
          .config = text_,
          .tokenizer = tokenizer_,
          .parents = parents_,
          .seconds = seconds_,
          .flops = step_flops(config_) * static_cast<double>(step_),
          .placement =
              config_.model.mixture ? std::optional(plan_.message_of(placement)) : std::nullopt,
          .loads = replanning_ ? replanning_->counted() : std::vector<proto::ExpertLoads>(),
          .data_hashes = content_hashes(data_),
          .guard = guard_.state()};
}

// Whether the newest weights are in a checkpoint that stands.
bool TrainingRun::save_the_last() {
  watch_.begin_slow_part("saving");
  checkpoints_->finish();
  tell_of_saves();
  if (saved_step_ != step_) {
    checkpoints_->save(checkpoint_info(trainer_.placement()));
    checkpoints_->finish();
    tell_of_saves();
  }
  const bool is_saved = saved_step_ == step_;
  if (is_saved && world_.rank() == 0) {
    log_->print_last_save();
  }
  return is_saved;
}

void TrainingRun::tell_of_saves() {
  for (const SaveReport& save : checkpoints_->take_reports()) {
    saved_step_ = save.failure.empty() ? save.step : saved_step_;
    if (world_.rank() == 0) {
      log_->note(save, checkpoints_->staging_bytes());
    }
  }
}

}  // namespace bam
