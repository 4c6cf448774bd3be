#include "io/import_cohere.h"

#include <set>

#include "io/cohere_config.h"
#include "io/logit_scale.h"
#include "io/safetensors_file.h"
#include "io/strict_json.h"
#include "io/tokenizer.h"
#include "io/weights_writer.h"
#include "runtime/check.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

void check_tensors(const SafetensorsModel& tensors, const std::vector<ParameterSpec>& specs,
                   const fs::path& folder) {
  std::set<std::string> known;
  for (const ParameterSpec& spec : specs) {
    const std::string name = cohere_name_of(spec);
    known.insert(name);
    check_input(tensors.shape(name) == spec.shape, folder.string(), ": tensor ", escaped(name),
                ": shape ", text_of(tensors.shape(name)), " where ", text_of(spec.shape),
                " was expected");
  }
  for (const std::string& name : tensors.names()) {
    check_input(known.contains(name), folder.string(), ": tensor ", escaped(name),
                ": is no weight of the model that config.json describes");
  }
}

CheckpointInfo info_of(const ImportRequest& request, const CohereConfig& config) {
  const Tokenizer tokenizer = Tokenizer::load(request.tokenizer);
  check_input(tokenizer.vocabulary() == config.model.vocabulary(), request.tokenizer.string(), ": ",
              tokenizer.vocabulary(), " pieces where the embedding has ", config.model.vocabulary(),
              " rows (vocab_size)");
  CheckpointInfo info;
  info.made_by = "import";
  *info.config.mutable_model() = config.model;
  info.tokenizer = tokenizer.model();
  return info;
}

/// Reads our weights' values, tile by tile.
class TileReader {
 public:
  TileReader(const SafetensorsModel& tensors, double logit_scale, const std::string& source)
      : tensors_(tensors), logit_scale_(logit_scale), source_(source) {}

  /// Valid until the next call.
  std::span<const float> read(const ParameterSpec& spec, const Tile& tile) {
    values_.resize(static_cast<std::size_t>(tile.elements()));
    tensors_.read(cohere_name_of(spec), tile.begin, values_);
    if (is_scaled(spec) && logit_scale_ != 1.0) {
      multiply_exactly(values_, logit_scale_, source_);
    }
    return values_;
  }

 private:
  const SafetensorsModel& tensors_;
  double logit_scale_;
  std::string source_;
  std::vector<float> values_;
};

}  // namespace

void import_cohere(const ImportRequest& request) {
  const fs::path config_file = request.model / "config.json";
  const CohereConfig config = read_cohere_config(config_file);
  const std::vector<ParameterSpec> specs =
      parameter_specs(model_config_of(config.model, config_file.string()));
  const SafetensorsModel tensors(request.model);
  check_tensors(tensors, specs, request.model);
  const CheckpointInfo info = info_of(request, config);
  check_may_write(request.out, request.replace);
  TileReader reader(tensors, config.logit_scale,
                    message_of(config_file.string(), ": logit_scale: ", config.logit_scale));
  for (const Tile& tile : tiles_of(specs)) {  // refused before anything is written
    if (is_scaled(specs[static_cast<std::size_t>(tile.spec)])) {
      reader.read(specs[static_cast<std::size_t>(tile.spec)], tile);
    }
  }
  write_weights(request.out, info, specs, [&reader](const ParameterSpec& spec, const Tile& tile) {
    return reader.read(spec, tile);
  });
}

}  // namespace bam
