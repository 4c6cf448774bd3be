#include "launch/training_run.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <iostream>

#include "io/checkpoint_writer.h"
#include "io/content_hash.h"
#include "io/field_check.h"
#include "io/text_file.h"
#include "io/trace_file.h"
#include "launch/evaluation.h"
#include "launch/exit_codes.h"
#include "launch/loaded_model.h"
#include "launch/routing_json.h"
#include "model/flops.h"
#include "runtime/ceiling.h"
#include "runtime/check.h"

namespace bam {
namespace {

Placement placement_for(const RunConfig& config, int ranks) {
  Placement placement = config.parallel.placement.empty()
                            ? round_robin(config.model, ranks)
                            : read_placement(config.parallel.placement, config.model, ranks);
  validate(placement, config.model);
  return placement;
}

/// One rank reads all the tokens first: a damaged one is told of before there is anything to lose.
enum class Verify { kYes, kNo };

TrainingData open_data(const RunConfig& config, Verify verify) {
  std::vector<TrainingDomain> domains;
  for (const DomainShare& domain : config.data.domains) {
    domains.push_back({domain.name, TokenData::open(domain.path), domain.share});
    if (verify == Verify::kYes) {
      domains.back().data.verify();
    }
  }
  TrainingData data(std::move(domains), {.sequence_length = config.data.sequence_length,
                                         .sequences_per_step = config.training.sequences_per_step,
                                         .micro_steps = config.training.micro_steps,
                                         .seed = config.training.seed,
                                         .separate_documents = config.model.separate_documents});
  check_input(data.vocabulary() == config.model.vocabulary, "model.vocabulary: ",
              config.model.vocabulary, ", but ", config.data.domains[0].path, " has ",
              data.vocabulary(), " tokens");
  return data;
}

OptimizerSettings optimizer_settings(const OptimizerConfig& config) {
  return {.beta1 = config.beta1, .beta2 = config.beta2, .epsilon = config.epsilon,
          .weight_decay = config.weight_decay, .no_decay = config.no_decay,
          .clip_norm = config.clip_norm};
}

TrainerOptions trainer_options(const RunConfig& config) {
  return {.precision = config.training.precision,
          .trainable = config.training.trainable,
          .optimizer = optimizer_settings(config.optimizer),
          .overlap = config.parallel.overlap ? Overlap::kOn : Overlap::kOff,
          .slices_per_peer = static_cast<int>(config.parallel.slices_per_peer),
          .domains = static_cast<int>(config.data.domains.size()),
          .keep = config.training.recompute ? Keep::kInputsOnly : Keep::kAll};
}

// Most bytes that this process ever had resident.
double peak_resident_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return 1024.0 * static_cast<double>(usage.ru_maxrss);
}

// The tokenizer lies beside the data sets that were made with it.
std::string tokenizer_beside(const TokenData& data) {
  const auto path = data.path().parent_path() / "tokenizer.model";
  std::string tokenizer = read_file(path);
  check_input(hex_of(hash_of(std::string_view(tokenizer))) == data.info().tokenizer_hash,
              path.string(), ": is not the tokenizer that ", data.path().string(),
              " was made with");
  return tokenizer;
}

std::vector<std::string> names_of(const std::vector<DomainShare>& domains) {
  std::vector<std::string> names;
  for (const DomainShare& domain : domains) {
    names.push_back(domain.name);
  }
  return names;
}

}  // namespace

TrainingRun::TrainingRun(Stream& stream, Communicator& world, const proto::RunConfig& config,
                         const std::string& config_name, std::filesystem::path folder)
    : stream_(stream),
      world_(world),
      config_(run_config_of(config, config_name)),
      text_(config),
      folder_(std::move(folder)),
      layout_(naming(config_name, [&] { return Layout(world, config_.parallel.expert_parallel); })),
      trainer_(stream, world, layout_, config_.model,
               naming(config_name + ": parallel.placement",
                      [&] { return placement_for(config_, layout_.expert_parallel()); }),
               trainer_options(config_)),
      learning_rate_{.peak = config_.optimizer.learning_rate,
                     .warmup_steps = config_.optimizer.warmup_steps,
                     .steps = config_.training.steps,
                     .final_share = config_.optimizer.final_share},
      data_(naming(config_name,
                   [&] {
                     return open_data(config_, world.rank() == 0 ? Verify::kYes : Verify::kNo);
                   })),
      tokenizer_(tokenizer_beside(data_.domains()[0].data)) {
  check_folder_can_be_made(folder_);
  if (has_checkpoint(folder_)) {
    start_from_checkpoint(CheckpointReader(folder_), /*resumes=*/true);
  } else if (!config_.init_from.empty()) {
    naming(config_name + ": init_from", [&] {
      start_from_checkpoint(CheckpointReader(config_.init_from), /*resumes=*/false);
    });
  } else {
    trainer_.draw_weights(config_.training.seed);
  }
  open_validation();
}

void TrainingRun::start_from_checkpoint(const CheckpointReader& checkpoint, bool resumes) {
  check_input(checkpoint.tokenizer() == tokenizer_, checkpoint.path().string(),
              ": its tokenizer is not the one of ", config_.data.domains[0].path);
  check_same_model(checkpoint.config().model, config_.model, checkpoint.path());
  trainer_.optimizer().for_each_owned_tile([&](const OwnedTile& owned) {
    const ParameterSpec& spec = trainer_.store().specs()[static_cast<std::size_t>(owned.tile.spec)];
    const auto read = [&](StateKind kind, std::span<float> out) {
      if (!out.empty()) {
        checkpoint.read(kind, spec, owned.tile.begin, owned.tile.end, out);
      }
    };
    read(StateKind::kWeight, owned.weight);
    if (resumes) {
      read(StateKind::kFirstMoment, owned.first_moment);
      read(StateKind::kSecondMoment, owned.second_moment);
    }
  });
  trainer_.optimizer().publish(stream_);
  tokens_before_ = checkpoint.tokens_cumulative();
  if (resumes) {
    step_ = checkpoint.step();
    tokens_before_ -= checkpoint.tokens_phase();
    seconds_ = checkpoint.seconds();
    parents_ = checkpoint.parents();
  } else {
    parents_ = {checkpoint.lineage()};
  }
}

void TrainingRun::open_validation() {
  if (config_.training.validate_every == 0) {
    return;
  }
  for (std::size_t d = 0; d < config_.data.domains.size(); ++d) {
    validation_.emplace_back(TokenData::open(config_.data.domains[d].path),
                             config_.data.sequence_length, config_.training.validation_tokens,
                             static_cast<int>(d), config_.model.separate_documents);
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
  if (world_.rank() == 0) {
    make_folder(folder_);
    metrics_.emplace(folder_ / "metrics.jsonl", step_);
  }
  ceiling_ = measure_ceiling(stream_, dtype, CeilingEffort::kQuick);
  world_.all_reduce_sum(stream_, std::span(&ceiling_, 1)).wait(stream_);
  if (step_ >= config_.training.steps && world_.rank() == 0) {
    std::cout << folder_.string() << ": step " << step_ << " of " << config_.training.steps
              << " is done; nothing is left to train" << std::endl;
  }
  std::int64_t saved_step = step_;
  int signal = 0;
  while (step_ < config_.training.steps && signal == 0) {
    const auto start = std::chrono::steady_clock::now();
    world_.clock().reset();
    const StepReport report = train_step();
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    transfers_ = world_.clock().times();
    signal = agreed_signal();
    after_step(report, elapsed.count(), signal);
    const std::int64_t every = config_.checkpoint.every;
    if (every > 0 && step_ % every == 0) {
      write_checkpoint();
      saved_step = step_;
    }
  }
  if (saved_step != step_ || step_ == 0) {
    write_checkpoint();
  }
  return signal == 0 ? kDone : 128 + signal;
}

StepReport TrainingRun::train_step() {
  ++step_;
  const StepInput input{.step = step_,
                        .learning_rate = learning_rate_.at(step_),
                        .micro_steps = config_.training.micro_steps,
                        .scored_targets = static_cast<double>(data_.scored_targets(step_)),
                        .rows = tokens_per_step(),
                        .batch = [this](std::int64_t m) { return batch(step_, m); }};
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
  const std::int64_t sequences =
      config_.training.sequences_per_step / config_.training.micro_steps;
  return data_.batch(stream_, step, micro_step, layout_.first_sequence(sequences),
                     layout_.sequences(sequences),
                     layout_.group_sequences(sequences));
}

// One rank's signal stops all, at the same step.
int TrainingRun::agreed_signal() {
  double signals[] = {stop_signal_.received() == SIGINT ? 1.0 : 0.0,
                      stop_signal_.received() == SIGTERM ? 1.0 : 0.0,
                      stop_signal_.received() == SIGUSR1 ? 1.0 : 0.0};
  world_.all_reduce_sum(stream_, signals).wait(stream_);
  if (signals[0] > 0) {
    return SIGINT;
  }
  if (signals[1] > 0) {
    return SIGTERM;
  }
  return signals[2] > 0 ? SIGUSR1 : 0;
}

void TrainingRun::after_step(const StepReport& report, double seconds, int signal) {
  seconds_ += seconds;
  const std::int64_t every = config_.training.validate_every;
  const bool is_last = step_ == config_.training.steps || signal != 0;
  nlohmann::json line;
  if (every > 0 && (step_ % every == 0 || is_last)) {
    validate(line);
  }
  if (is_last || step_ % config_.training.log_every == 0) {
    double resident = peak_resident_bytes();
    world_.all_reduce_sum(stream_, std::span(&resident, 1)).wait(stream_);
    line["peak_resident_bytes"] = resident;
    if (world_.rank() == 0) {
      report_step(report, seconds, std::move(line));
    }
  }
}

void TrainingRun::validate(nlohmann::json& line) {
  for (std::size_t d = 0; d < validation_.size(); ++d) {
    const DomainScore score =
        evaluate(stream_, trainer_.model(), validation_[d], world_, layout_,
                 config_.training.sequences_per_step / config_.training.micro_steps);
    line["validation"][config_.data.domains[d].name] = score.loss();
  }
}

void TrainingRun::report_step(const StepReport& report, double seconds, nlohmann::json line) {
  const double tokens = tokens_per_step();
  const double rate = step_flops() / seconds;
  line["step"] = step_;
  line["loss"] = report.loss;
  line["balance_loss"] = report.balance_loss;
  line["z_loss"] = report.z_loss;
  line["learning_rate"] = learning_rate_.at(step_);
  line["gradient_norm"] = report.gradient_norm;
  line["skipped"] = report.skipped;
  line["tokens"] = static_cast<double>(step_) * tokens;
  line["seconds"] = seconds_;
  line["tokens_per_second"] = tokens / seconds;
  line["flops"] = step_flops() * static_cast<double>(step_);
  line["share_of_ceiling"] = rate / ceiling_;
  line["comm_seconds"] = transfers_.comm_seconds;
  line["exposed_comm_seconds"] = transfers_.exposed_seconds;
  line["hidden"] = transfers_.hidden_share();
  if (!report.routing.empty() && !report.routing[0].ffn.empty()) {
    line["routing"] = routing_json(report.routing, names_of(config_.data.domains));
  }
  metrics_->write(line);
  const std::int64_t left = config_.training.steps - step_;
  printer_.print(progress_line({.step = step_,
                                .steps = config_.training.steps,
                                .loss = report.loss,
                                .tokens_per_second = tokens / seconds,
                                .flops_per_second = rate,
                                .ceiling = ceiling_,
                                .hidden = transfers_.hidden_share(),
                                .seconds_left = seconds * static_cast<double>(left)}),
                 left == 0);
}

void TrainingRun::write_checkpoint() {
  const auto tokens = static_cast<std::int64_t>(tokens_per_step()) * step_;
  std::vector<OwnedTile> tiles;
  trainer_.optimizer().for_each_owned_tile([&](const OwnedTile& owned) {
    tiles.push_back({owned.tile, owned.weight, owned.first_moment, owned.second_moment});
  });
  bam::write_checkpoint(
      stream_, world_, folder_,
      {.step = step_,
       .tokens_phase = tokens,
       .tokens_cumulative = tokens_before_ + tokens,
       .config = text_,
       .tokenizer = tokenizer_,
       .parents = parents_,
       .seconds = seconds_,
       .flops = step_flops() * static_cast<double>(step_)},
      trainer_.store().specs(), tiles,
      {.keep_last = config_.checkpoint.keep_last, .keep_every = config_.checkpoint.keep_every});
}

double TrainingRun::step_flops() const {
  return training_flops(config_.model, static_cast<double>(config_.training.sequences_per_step),
                        static_cast<double>(config_.data.sequence_length));
}

double TrainingRun::tokens_per_step() const {
  return static_cast<double>(config_.training.sequences_per_step * config_.data.sequence_length);
}

}  // namespace bam
