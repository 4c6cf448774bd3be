#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/config.h"
#include "parallel/planner/model_plan.h"

namespace bam {

/// Where a plan's loads come from.
struct LoadSources {
  std::vector<std::string> ffn;        // files, each one window or several
  std::vector<std::string> attention;  // likewise; empty: what the files of `ffn` say of them
  std::string domain;                  // of routing traces; empty: all
};

/// The loads of every layer, the files' windows one after the other. With a model that has
/// attention experts, and files that say nothing of these: every token at each of them, as soft
/// routing has it. Throws BadInput, naming file and value, where files or model do not fit each
/// other.
std::vector<LayerLoads> read_layer_loads(const LoadSources& sources,
                                         const std::optional<ModelConfig>& model);

/// Operations of one token at an expert of each kind, the mean over a sequence of `length` tokens,
/// relative to an FFN expert's. Shared keys and values are not counted.
ExpertCosts expert_costs(const ModelConfig& model, std::int64_t length);

}  // namespace bam
