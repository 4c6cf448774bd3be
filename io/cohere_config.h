#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "io/run_config.h"
#include "io/safetensors_values.h"

namespace bam {

/// A dense model as Hugging Face's `config.json` describes one of the Cohere family.
struct CohereConfig {
  proto::ModelConfig model;  // every default written out
  double logit_scale = 1.0;  // its logits are this times ours
};

/// Reads the `config.json` of a CohereForCausalLM. A field left out has the default of that
/// class; sizes must be there. Throws BadInput, naming file, field and value, for what our dense
/// model does not compute: attention_bias, use_qk_norm, scaled rotary positions, quantised weights,
/// another activation.
CohereConfig read_cohere_config(const std::filesystem::path& path);

/// What an exported config says beside the model.
struct CohereExtras {
  double logit_scale = 1.0;
  std::int64_t max_positions = 0;
  std::int32_t bos = 0;
  std::int32_t eos = 0;
  SafetensorsType type = SafetensorsType::kFloat32;
};

/// The text of a `config.json` that CohereForCausalLM is made of.
std::string cohere_config_text(const ModelConfig& model, const CohereExtras& extras);

/// The name that a dense model's weight has there: "model.layers.0.self_attn.q_proj.weight".
std::string cohere_name_of(const ParameterSpec& spec);

}  // namespace bam
