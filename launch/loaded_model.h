#pragma once

#include <memory>
#include <optional>

#include "io/checkpoint_reader.h"
#include "io/run_config.h"
#include "model/transformer.h"
#include "parallel/group_exchange.h"
#include "parallel/layout.h"

namespace bam {

/// Fills this rank's weights from a checkpoint, checking every tile it reads.
void load_weights(Stream& stream, const CheckpointReader& checkpoint, ParameterStore& store);

/// A checkpoint's model, ready to be run: evaluation and generation.
class LoadedModel {
 public:
  /// `exchange` outlives it; the experts are dealt round-robin over its ranks.
  LoadedModel(Stream& stream, const CheckpointReader& checkpoint, Exchange& exchange,
              Precision precision);

  const ModelConfig& config() const { return config_; }
  const Transformer& transformer() const { return *transformer_; }

 private:
  ModelConfig config_;
  Placement placement_;
  ParameterStore store_;
  std::optional<Transformer> transformer_;
};

}  // namespace bam
