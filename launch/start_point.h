#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "io/batches.h"
#include "io/checkpoint_reader.h"
#include "parallel/communicator.h"

namespace bam {

/// The checkpoint that a run's weights come from.
struct StartPoint {
  CheckpointReader checkpoint;
  bool resumes = false;  // the run's own newest one, its moments too; else config.init_from
};

/// The run that is to start.
struct StartRequest {
  const RunConfig& config;
  const proto::RunConfig& text;  // the same, every default written out
  const std::string& config_name;
  const std::filesystem::path& folder;
  const std::string& tokenizer;  // the SentencePiece model's bytes
  const TrainingData& data;
};

/// Collective: opens the newest whole checkpoint in the folder (launch/resume.h), else
/// config.init_from; nothing where there is neither. Every byte that will be read is checked, a
/// part on each rank, and so are config, model and tokenizer, and of a run that goes on the token
/// data: they must be what it began with. It returns once all ranks have found theirs good, so that
/// nobody takes memory for what is then refused. Throws BadInput, naming what is wrong.
std::optional<StartPoint> open_start(Stream& stream, Communicator& world,
                                     const StartRequest& request);

}  // namespace bam
