#pragma once

#include <optional>

#include "io/checkpoint_reader.h"
#include "launch/run_input.h"
#include "parallel/communicator.h"

namespace bam {

/// The checkpoint that a run's weights come from.
struct StartPoint {
  CheckpointReader checkpoint;
  bool resumes = false;  // the run's own newest one, its moments too; else config.init_from
};

/// Collective: opens the newest whole checkpoint in the run's folder (launch/resume.h), else
/// config.init_from; nothing where there is neither. Every byte that will be read is checked, a
/// part on each rank, and so are config, model and tokenizer, and of a run that goes on the token
/// data: they must be what it began with. It returns once all ranks have found theirs good, so that
/// nobody takes memory for what is then refused. Throws BadInput, naming what is wrong.
std::optional<StartPoint> open_start(Stream& stream, Communicator& world, const RunInput& run);

}  // namespace bam
