#include "launch/training_setup.h"

#include "io/content_hash.h"
#include "io/field_check.h"
#include "io/text_file.h"
#include "model/flops.h"
#include "runtime/check.h"

namespace bam {
namespace {

constexpr std::int64_t kMostBytesFirst = std::int64_t{1} << 30;  // of a domain

OptimizerSettings optimizer_settings(const OptimizerConfig& config) {
  return {.beta1 = config.beta1,
          .beta2 = config.beta2,
          .epsilon = config.epsilon,
          .weight_decay = config.weight_decay,
          .no_decay = config.no_decay,
          .clip_norm = config.clip_norm};
}

std::string path_field(std::size_t domain) { return message_of("data.domains[", domain, "].path"); }

}  // namespace

TrainerOptions trainer_options(const RunConfig& config) {
  return {.precision = config.training.precision,
          .trainable = config.training.trainable,
          .optimizer = optimizer_settings(config.optimizer),
          .overlap = config.parallel.overlap ? Overlap::kOn : Overlap::kOff,
          .slices_per_peer = static_cast<int>(config.parallel.slices_per_peer),
          .domains = static_cast<int>(config.data.domains.size()),
          .counts_pairs = config.training.routing_trace_every > 0,
          .keep = config.training.recompute ? Keep::kInputsOnly : Keep::kAll,
          .expert_capacity_factor = config.parallel.expert_capacity_factor,
          .cuda_graphs = config.parallel.cuda_graphs,
          .deterministic = config.parallel.deterministic};
}

LearningRate learning_rate_of(const RunConfig& config) {
  return {.peak = config.optimizer.learning_rate,
          .warmup_steps = config.optimizer.warmup_steps,
          .steps = config.training.steps,
          .final_share = config.optimizer.final_share};
}

TrainingData open_training_data(const RunConfig& config, Verify verify) {
  std::vector<TrainingDomain> domains;
  for (std::size_t d = 0; d < config.data.domains.size(); ++d) {
    const DomainShare& domain = config.data.domains[d];
    naming(path_field(d), [&] {
      TokenData data = TokenData::open(domain.path);
      if (verify == Verify::kYes && data.file_bytes() <= kMostBytesFirst) {
        data.verify();
      }
      domains.push_back({domain.name, std::move(data), domain.share});
    });
  }
  TrainingData data(std::move(domains), {.sequence_length = config.data.sequence_length,
                                         .sequences_per_step = config.training.sequences_per_step,
                                         .micro_steps = config.training.micro_steps,
                                         .seed = config.training.seed,
                                         .separate_documents = config.model.separate_documents});
  check_input(data.vocabulary() == config.model.vocabulary,
              "model.vocabulary: ", config.model.vocabulary, ", but ", config.data.domains[0].path,
              " has ", data.vocabulary(), " tokens");
  return data;
}

std::vector<std::string> content_hashes(const TrainingData& data) {
  std::vector<std::string> hashes;
  for (const TrainingDomain& domain : data.domains()) {
    hashes.push_back(domain.data.content_hash());
  }
  return hashes;
}

std::vector<ValidationData> open_validation_data(const RunConfig& config) {
  std::vector<ValidationData> validation;
  if (config.training.validate_every == 0) {
    return validation;
  }
  for (std::size_t d = 0; d < config.data.domains.size(); ++d) {
    naming(path_field(d), [&] {
      TokenData data = TokenData::open(config.data.domains[d].path);
      check_input(data.documents(Split::kValidation) > 0, data.path().string(),
                  ": has no validation tokens; training.validate_every: ",
                  config.training.validate_every, " needs some, 0 does not");
      validation.emplace_back(std::move(data), config.data.sequence_length,
                              config.training.validation_tokens, static_cast<int>(d),
                              config.model.separate_documents);
    });
  }
  return validation;
}

std::string tokenizer_beside(const TokenData& data) {
  const auto path = data.path().parent_path() / "tokenizer.model";
  std::string tokenizer = read_file(path);
  check_input(hex_of(hash_of(std::string_view(tokenizer))) == data.info().tokenizer_hash,
              path.string(), ": is not the tokenizer that ", data.path().string(),
              " was made with");
  return tokenizer;
}

double step_flops(const RunConfig& config) {
  return training_flops(config.model, static_cast<double>(config.training.sequences_per_step),
                        static_cast<double>(config.data.sequence_length));
}

double tokens_per_step(const RunConfig& config) {
  return static_cast<double>(config.training.sequences_per_step * config.data.sequence_length);
}

}  // namespace bam
