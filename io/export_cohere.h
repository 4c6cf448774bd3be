#pragma once

#include <cstdint>
#include <filesystem>

#include "io/safetensors_values.h"

namespace bam {

/// A dense checkpoint to be written for Hugging Face transformers.
struct ExportRequest {
  std::filesystem::path checkpoint;
  std::filesystem::path out;
  SafetensorsType type = SafetensorsType::kFloat32;  // or BF16, rounded to nearest even
  std::int64_t shard_bytes = 5'000'000'000;          // of tensors in a file, at least one
  double logit_scale = 1.0;  // the file's; the final norm's weight is divided by it
};

/// What was written.
struct ExportSummary {
  int files = 0;  // of weights
  std::int64_t bytes = 0;
};

/// Writes the folder `out`: config.json, tokenizer.model and model.safetensors, or shards
/// model-0000x-of-0000y.safetensors and their index where there is more than shard_bytes. Streams:
/// a few MiB whatever the model's size. Throws BadInput for a mixture, for an `out` that is there
/// already, and where logit_scale does not divide exactly. `out` appears whole or not at all.
ExportSummary export_cohere(const ExportRequest& request);

}  // namespace bam
