#pragma once

#include <filesystem>

#include "io/weights_writer.h"

namespace bam {

/// A Hugging Face folder to be read.
struct ImportRequest {
  std::filesystem::path model;      // config.json and safetensors files
  std::filesystem::path tokenizer;  // SentencePiece model
  std::filesystem::path out;
  Replace replace = Replace::kNo;  // what `out` holds already
};

/// Writes `out`/step-0, a dense checkpoint, of a CohereForCausalLM (F32, F16 or BF16, widened
/// exactly), tile by tile. Its logit_scale goes into the final norm's weight, which only the logits
/// see, tied embeddings or not: exact for every power of two, else BadInput. Throws BadInput,
/// naming file, field or tensor and value, where the model is not one that ours can be, where
/// tensors are missing, left over or of another shape, and where the tokenizer has not as many
/// pieces as the embedding has rows. Nothing is left behind then.
void import_cohere(const ImportRequest& request);

}  // namespace bam
