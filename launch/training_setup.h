#pragma once

#include <string>
#include <vector>

#include "io/batches.h"
#include "io/run_config.h"
#include "io/validation_data.h"
#include "parallel/learning_rate.h"
#include "parallel/trainer.h"

namespace bam {

TrainerOptions trainer_options(const RunConfig& config);
LearningRate learning_rate_of(const RunConfig& config);

/// Whether every token is read first, of data sets up to 1 GiB. One rank does: a damaged one is told of
/// before there is anything to lose. Of larger ones each rank checks what it reads as it reads it.
enum class Verify { kYes, kNo };

/// The domains' training text. Throws BadInput where the model's vocabulary is another.
TrainingData open_training_data(const RunConfig& config, Verify verify);

/// TokenData::content_hash of each domain, in their order.
std::vector<std::string> content_hashes(const TrainingData& data);

/// The domains' validation text, in their order; none where it is never measured. Throws BadInput
/// where a domain has none.
std::vector<ValidationData> open_validation_data(const RunConfig& config);

/// The SentencePiece model's bytes; it lies beside the data sets that were made with it. Throws
/// BadInput where it is another.
std::string tokenizer_beside(const TokenData& data);

/// Of the whole optimiser step, over all ranks.
double step_flops(const RunConfig& config);
double tokens_per_step(const RunConfig& config);

}  // namespace bam
