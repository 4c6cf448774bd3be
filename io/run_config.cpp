#include "io/run_config.h"

#include <cmath>
#include <map>
#include <set>

#include "io/field_check.h"
#include "io/text_proto.h"

namespace bam {
namespace {

constexpr std::int64_t kMostTokens = std::int64_t{1} << 50;  // of a run; none is near

DataConfig data_of(const proto::DataConfig& in, const FieldCheck& field) {
  DataConfig out;
  field.that(in.domains_size() > 0, "data.domains", "none where at least one was expected");
  std::set<std::string> names;
  for (int d = 0; d < in.domains_size(); ++d) {
    const std::string at = message_of("data.domains[", d, "].");
    const proto::DomainShare& domain = in.domains(d);
    field.that(!domain.name().empty(), at + "name", "missing");
    field.that(names.insert(domain.name()).second, at + "name", domain.name(), " is used twice");
    field.that(!domain.path().empty(), at + "path", "missing");
    out.domains.push_back(
        {domain.name(), domain.path(),
         domain.has_share() ? field.positive(domain.share(), at + "share") : 1.0});
  }
  out.sequence_length = field.whole(in.sequence_length(), "data.sequence_length", 1, 1 << 24);
  return out;
}

Trainable trainable_of(proto::TrainingConfig::Trainable trainable) {
  switch (trainable) {
    case proto::TrainingConfig::ROUTERS_ONLY:
      return Trainable::kRoutersOnly;
    case proto::TrainingConfig::ROUTERS_AND_SHARED:
      return Trainable::kRoutersAndShared;
    default:
      return Trainable::kAll;
  }
}

TrainingConfig training_of(const proto::TrainingConfig& in, const FieldCheck& field) {
  field.that(proto::TrainingConfig::Precision_IsValid(in.precision()), "training.precision",
             in.precision(), " is none of FP32, BF16");
  field.that(proto::TrainingConfig::Trainable_IsValid(in.trainable()), "training.trainable",
             in.trainable(), " is none of ALL, ROUTERS_ONLY, ROUTERS_AND_SHARED");
  TrainingConfig out;
  out.steps = field.whole(in.steps(), "training.steps", 1, std::int64_t{1} << 40);
  out.sequences_per_step =
      field.whole(in.sequences_per_step(), "training.sequences_per_step", 1, std::int64_t{1} << 31);
  out.micro_steps = in.has_micro_steps() ? field.whole(in.micro_steps(), "training.micro_steps", 1)
                                         : out.micro_steps;
  field.that(out.sequences_per_step % out.micro_steps == 0, "training.micro_steps", out.micro_steps,
             " does not divide sequences_per_step ", out.sequences_per_step);
  out.precision =
      in.precision() == proto::TrainingConfig::BF16 ? Precision::kBFloat16 : Precision::kFloat32;
  out.trainable = trainable_of(in.trainable());
  out.seed = in.has_seed() ? in.seed() : out.seed;
  out.recompute = in.recompute();
  out.validate_every = field.whole(in.validate_every(), "training.validate_every", 0);
  if (in.has_validation_tokens()) {
    out.validation_tokens = field.whole(in.validation_tokens(), "training.validation_tokens", 1);
  }
  if (in.has_log_every()) {
    out.log_every = field.whole(in.log_every(), "training.log_every", 1);
  }
  out.routing_trace_every =
      field.whole(in.routing_trace_every(), "training.routing_trace_every", 0);
  return out;
}

std::vector<Role> roles_of(const proto::OptimizerConfig& in, const FieldCheck& field) {
  static const std::map<std::string, std::vector<Role>> kRoles = {
      {"EMBEDDING", {Role::kEmbedding}},
      {"NORM", {Role::kNorm}},
      {"ROUTER", {Role::kAttentionRouter, Role::kFfnRouter}},
      {"ATTENTION", {Role::kAttention}},
      {"FFN", {Role::kFfn}},
      {"OUTPUT", {Role::kOutput}}};
  if (in.no_decay().empty()) {
    return {Role::kNorm};
  }
  std::vector<Role> roles;
  for (int i = 0; i < in.no_decay_size(); ++i) {
    const auto found = kRoles.find(in.no_decay(i));
    field.that(found != kRoles.end(), message_of("optimizer.no_decay[", i, "]"), in.no_decay(i),
               " is none of EMBEDDING, NORM, ROUTER, ATTENTION, FFN, OUTPUT");
    roles.insert(roles.end(), found->second.begin(), found->second.end());
  }
  return roles;
}

OptimizerConfig optimizer_of(const proto::OptimizerConfig& in, const FieldCheck& field) {
  OptimizerConfig out;
  out.learning_rate = field.positive(in.learning_rate(), "optimizer.learning_rate");
  out.warmup_steps = field.whole(in.warmup_steps(), "optimizer.warmup_steps", 0);
  if (in.has_final_share()) {
    out.final_share = field.between(in.final_share(), "optimizer.final_share", 0, 1);
  }
  const auto beta = [&](double value, const char* name) {
    field.that(value >= 0 && value < 1, name, value, " where a number in [0, 1) was expected");
    return value;
  };
  out.beta1 = in.has_beta1() ? beta(in.beta1(), "optimizer.beta1") : out.beta1;
  out.beta2 = in.has_beta2() ? beta(in.beta2(), "optimizer.beta2") : out.beta2;
  if (in.has_epsilon()) {
    out.epsilon = field.positive(in.epsilon(), "optimizer.epsilon");
  }
  if (in.has_weight_decay()) {
    out.weight_decay = field.not_negative(in.weight_decay(), "optimizer.weight_decay");
  }
  out.no_decay = roles_of(in, field);
  if (in.has_clip_norm()) {
    out.clip_norm = field.not_negative(in.clip_norm(), "optimizer.clip_norm");
  }
  return out;
}

ReplanConfig replan_of(const proto::ReplanConfig& in, const FieldCheck& field) {
  constexpr int kMost = 1 << 20;
  ReplanConfig out;
  out.slots_per_rank =
      field.whole<int>(in.slots_per_rank(), "parallel.replan.slots_per_rank", 0, kMost);
  if (in.has_moves()) {
    out.moves = field.whole<int>(in.moves(), "parallel.replan.moves", 1, kMost);
  }
  if (in.has_least_gain()) {
    out.least_gain = field.between(in.least_gain(), "parallel.replan.least_gain", 0, 1);
  }
  return out;
}

ParallelConfig parallel_of(const proto::ParallelConfig& in, const FieldCheck& field) {
  ParallelConfig out;
  out.expert_parallel =
      field.whole<int>(in.expert_parallel(), "parallel.expert_parallel", 0, 1 << 20);
  out.overlap = !in.has_overlap() || in.overlap();
  if (in.has_slices_per_peer()) {
    out.slices_per_peer =
        field.whole<int>(in.slices_per_peer(), "parallel.slices_per_peer", 1, 1 << 16);
  }
  out.placement = in.placement();
  out.expert_capacity_factor = capacity_factor_of(in, field);
  out.cuda_graphs = in.cuda_graphs();
  out.deterministic = !in.has_deterministic() || in.deterministic();
  if (in.has_replan()) {
    out.replan = replan_of(in.replan(), field);
  }
  return out;
}

CheckpointConfig checkpoint_of(const proto::CheckpointConfig& in, const FieldCheck& field) {
  CheckpointConfig out;
  out.every = field.whole(in.every(), "checkpoint.every", 0);
  if (in.has_keep_last()) {
    out.keep_last = field.whole(in.keep_last(), "checkpoint.keep_last", 0);
  }
  out.keep_every = field.whole(in.keep_every(), "checkpoint.keep_every", 0);
  out.in_background = !in.has_in_background() || in.in_background();
  return out;
}

}  // namespace

double capacity_factor_of(const proto::ParallelConfig& config, const FieldCheck& field) {
  const double factor = config.expert_capacity_factor();
  field.that(factor == 0 || (factor >= 1 && std::isfinite(factor)),
             "parallel.expert_capacity_factor", factor,
             " where 0 or a number of at least 1 was expected");
  return factor;
}

proto::RunConfig read_run_config(const std::filesystem::path& path,
                                 std::span<const std::string> overrides) {
  proto::RunConfig config;
  read_text_proto(path, config);
  for (const std::string& assignment : overrides) {
    set_field(config, assignment);
  }
  return config;
}

RunConfig run_config_of(const proto::RunConfig& config, const std::string& source) {
  const FieldCheck field(source);
  RunConfig out;
  out.model = model_config_of(config.model(), source);
  out.data = data_of(config.data(), field);
  out.training = training_of(config.training(), field);
  out.optimizer = optimizer_of(config.optimizer(), field);
  const std::int64_t step_tokens = out.training.sequences_per_step * out.data.sequence_length;
  field.that(out.training.steps <= kMostTokens / step_tokens, "training.steps", out.training.steps,
             " of ", step_tokens, " tokens each, where at most ", kMostTokens,
             " tokens were expected");
  field.that(out.training.trainable != Trainable::kRoutersOnly || out.model.mixture.has_value(),
             "training.trainable", "ROUTERS_ONLY where the model, a dense one, has no routers");
  out.parallel = parallel_of(config.parallel(), field);
  field.that(!out.parallel.replan || out.model.mixture.has_value(), "parallel.replan",
             "present where the model, a dense one, has no experts");
  out.checkpoint = checkpoint_of(config.checkpoint(), field);
  field.that(!out.parallel.replan || out.checkpoint.every > 0, "parallel.replan",
             "present where checkpoint.every is 0, and experts are placed anew at checkpoints");
  out.init_from = config.init_from();
  out.guard = guard_config_of(config.guard(), field);
  return out;
}

}  // namespace bam
