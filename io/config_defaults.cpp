#include "io/run_config.h"

namespace bam {
namespace {

void fill(proto::MixtureConfig& mixture) {
  const MixtureConfig standard;
  if (mixture.has_attention() && !mixture.attention().has_top_k()) {
    mixture.mutable_attention()->set_top_k(1);
  }
  proto::FfnMixture& ffn = *mixture.mutable_ffn();
  ffn.set_top_k(ffn.has_top_k() ? ffn.top_k() : standard.ffn.top_k);
  ffn.set_balance_loss(ffn.has_balance_loss() ? ffn.balance_loss() : standard.ffn.balance_loss);
  ffn.set_z_loss(ffn.has_z_loss() ? ffn.z_loss() : standard.ffn.z_loss);
  mixture.set_router_init_std(mixture.has_router_init_std() ? mixture.router_init_std()
                                                            : standard.router_init_std);
}

void fill(proto::ModelConfig& model) {
  const ModelConfig standard;
  model.set_n_kv_heads(model.n_kv_heads() != 0 ? model.n_kv_heads() : model.n_heads());
  model.set_rope_theta(model.has_rope_theta() ? model.rope_theta() : standard.rope_theta);
  model.set_norm_epsilon(model.has_norm_epsilon() ? model.norm_epsilon() : standard.norm_epsilon);
  model.set_init_std(model.has_init_std() ? model.init_std() : standard.init_std);
  model.set_separate_documents(!model.has_separate_documents() || model.separate_documents());
  if (model.has_mixture()) {
    fill(*model.mutable_mixture());
  }
}

void fill(proto::TrainingConfig& training) {
  const TrainingConfig standard;
  training.set_micro_steps(training.has_micro_steps() ? training.micro_steps()
                                                      : standard.micro_steps);
  training.set_seed(training.has_seed() ? training.seed() : standard.seed);
  training.set_validation_tokens(training.has_validation_tokens() ? training.validation_tokens()
                                                                  : standard.validation_tokens);
  training.set_log_every(training.has_log_every() ? training.log_every() : standard.log_every);
}

void fill(proto::OptimizerConfig& optimizer) {
  const OptimizerConfig standard;
  optimizer.set_final_share(optimizer.has_final_share() ? optimizer.final_share()
                                                        : standard.final_share);
  optimizer.set_beta1(optimizer.has_beta1() ? optimizer.beta1() : standard.beta1);
  optimizer.set_beta2(optimizer.has_beta2() ? optimizer.beta2() : standard.beta2);
  optimizer.set_epsilon(optimizer.has_epsilon() ? optimizer.epsilon() : standard.epsilon);
  optimizer.set_weight_decay(optimizer.has_weight_decay() ? optimizer.weight_decay()
                                                          : standard.weight_decay);
  optimizer.set_clip_norm(optimizer.has_clip_norm() ? optimizer.clip_norm() : standard.clip_norm);
  if (optimizer.no_decay().empty()) {
    optimizer.add_no_decay("NORM");
  }
}

void fill(proto::ReplanConfig& replan) {
  const ReplanConfig standard;
  replan.set_moves(replan.has_moves() ? replan.moves() : standard.moves);
  replan.set_least_gain(replan.has_least_gain() ? replan.least_gain() : standard.least_gain);
}

}  // namespace

proto::RunConfig with_defaults(proto::RunConfig config) {
  fill(*config.mutable_model());
  for (proto::DomainShare& domain : *config.mutable_data()->mutable_domains()) {
    domain.set_share(domain.has_share() ? domain.share() : DomainShare{}.share);
  }
  fill(*config.mutable_training());
  fill(*config.mutable_optimizer());
  fill_defaults(*config.mutable_guard());
  proto::ParallelConfig& parallel = *config.mutable_parallel();
  const ParallelConfig layout;
  parallel.set_overlap(parallel.has_overlap() ? parallel.overlap() : layout.overlap);
  parallel.set_deterministic(parallel.has_deterministic() ? parallel.deterministic()
                                                          : layout.deterministic);
  parallel.set_slices_per_peer(parallel.has_slices_per_peer() ? parallel.slices_per_peer()
                                                              : layout.slices_per_peer);
  if (parallel.has_replan()) {
    fill(*parallel.mutable_replan());
  }
  proto::CheckpointConfig& checkpoint = *config.mutable_checkpoint();
  checkpoint.set_keep_last(checkpoint.has_keep_last() ? checkpoint.keep_last()
                                                      : CheckpointConfig{}.keep_last);
  checkpoint.set_in_background(checkpoint.has_in_background() ? checkpoint.in_background()
                                                              : CheckpointConfig{}.in_background);
  return config;
}

}  // namespace bam
