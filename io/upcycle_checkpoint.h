#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "io/run_config.h"
#include "io/weights_writer.h"

namespace bam {

/// A mixture to be made of dense checkpoints.
struct UpcycleRequest {
  proto::RunConfig config;          // of the mixture; `model` alone will do
  std::string config_name;          // for errors
  std::vector<std::filesystem::path> parents;  // the first is the seed: expert 0
  std::filesystem::path out;
  std::uint64_t seed = 1;           // of the routers
  Replace replace = Replace::kNo;   // what `out` holds already
};

/// Writes `out`/step-0 by the rule of model/upcycle.h, tile by tile: a few MiB whatever the model's
/// size. Averages are taken in double. Tokens are those of all the parents and their ancestors, each
/// phase counted once. Throws BadInput, naming the difference, before anything is written, where
/// parents and mixture do not agree in shapes or tokenizer.
void upcycle_checkpoint(const UpcycleRequest& request);

}  // namespace bam
