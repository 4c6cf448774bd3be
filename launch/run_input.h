#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "io/batches.h"
#include "io/run_config.h"
#include "io/validation_data.h"
#include "parallel/layout.h"

namespace bam {

/// What a run is given, read and checked before any memory is taken for its model.
struct RunInput {
  /// Collective. Rank 0 reads the training data whole (open_training_data). Throws BadInput, naming
  /// `config_name` and the field, where they do not fit each other or the ranks, or `folder` cannot
  /// be made. `world` outlives it.
  RunInput(Communicator& world, const proto::RunConfig& text, const std::string& config_name,
           const std::filesystem::path& folder);

  RunConfig config;
  std::string config_name;
  proto::RunConfig text;         // the config, every default written out
  std::filesystem::path folder;  // of the run
  Layout layout;
  TrainingData data;
  std::vector<ValidationData> validation;  // of each domain; none where it is never measured
  std::string tokenizer;                   // the SentencePiece model's bytes

  std::int64_t sequences_of_micro_step() const;
  /// This rank's part of a micro-batch.
  Batch batch(Stream& stream, std::int64_t data_step, std::int64_t micro_step);
};

}  // namespace bam
