#include "launch/inspection.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "io/checkpoint_reader.h"
#include "io/plan_file.h"
#include "io/run_config.h"
#include "launch/message_json.h"
#include "launch/plan_report.h"
#include "launch/tensor_tiles.h"
#include "io/text_file.h"
#include "runtime/check.h"

namespace bam {
namespace {

using nlohmann::json;

json statistics_of(const CheckpointReader& checkpoint, const ParameterSpec& tensor) {
  double sum = 0;
  double squares = 0;
  double least = std::numeric_limits<double>::infinity();
  double most = -least;
  std::vector<float> values;
  for_each_tile(tensor, [&](const ParameterSpec& weight, std::int64_t begin, std::int64_t end) {
    values.resize(static_cast<std::size_t>(end - begin));
    checkpoint.read(StateKind::kWeight, weight, begin, end, values);
    for (const float narrow : values) {
      const auto value = static_cast<double>(narrow);
      sum += value;
      squares += value * value;
      least = std::min(least, value);
      most = std::max(most, value);
    }
  });
  const auto count = static_cast<double>(elements_of(tensor.stacked_shape()));
  const double mean = sum / count;
  return {{"mean", mean}, {"std", std::sqrt(std::max(0.0, squares / count - mean * mean))},
          {"min", least}, {"max", most}};
}

json tensors_of(const ModelConfig& model, const CheckpointReader* checkpoint) {
  json tensors = json::array();
  for (const ParameterSpec& spec : stored_tensors(parameter_specs(model))) {
    json entry = {{"name", spec.tensor},
                  {"role", name_of(spec.role)},
                  {"shape", spec.stacked_shape()},
                  {"elements", elements_of(spec.stacked_shape())}};
    if (checkpoint != nullptr) {
      entry["statistics"] = statistics_of(*checkpoint, spec);
    }
    tensors.push_back(std::move(entry));
  }
  return tensors;
}

json inspect_config(const std::filesystem::path& path) {
  const proto::RunConfig config = read_run_or_model_config(path);
  const ModelConfig model = model_config_of(config.model(), path.string());
  const ParameterCount count = count_parameters(model);
  return {{"file", path.string()},
          {"kind", "config"},
          {"model", json_of(with_defaults(config).model())},
          {"parameters", {{"total", count.total}, {"active", count.active}}},
          {"tensors", tensors_of(model, nullptr)}};
}

/// Where the experts are, each expert's first copy, and the plan; null where that is not known.
json plan_of(const CheckpointReader& checkpoint) {
  if (checkpoint.placement() == nullptr) {
    return nullptr;
  }
  const proto::Placement& placement = *checkpoint.placement();
  json layers = json::array();
  for (const proto::LayerPlacement& layer : placement.layers()) {
    layers.push_back({{"attention", std::vector<std::int64_t>(layer.attention().begin(),
                                                              layer.attention().end())},
                      {"ffn", std::vector<std::int64_t>(layer.ffn().begin(), layer.ffn().end())}});
  }
  const json planned = placement.has_terms()
                           ? plan_json(plan_of_message(placement, checkpoint.path().string()))
                           : json();
  return {{"ranks", placement.ranks()}, {"layers", std::move(layers)}, {"planned", planned}};
}

json inspect_checkpoint(const std::filesystem::path& path, Statistics statistics) {
  const CheckpointReader checkpoint(path);
  const ModelConfig& model = checkpoint.config().model;
  const ParameterCount count = count_parameters(model);
  return {{"file", checkpoint.path().string()},
          {"kind", "checkpoint"},
          {"model", json_of(checkpoint.config_text().model())},
          {"parameters", {{"total", count.total}, {"active", count.active}}},
          {"tensors",
           tensors_of(model, statistics == Statistics::kPerTensor ? &checkpoint : nullptr)},
          {"step", checkpoint.step()},
          {"tokens",
           {{"phase", checkpoint.tokens_phase()}, {"cumulative", checkpoint.tokens_cumulative()}}},
          {"seconds", checkpoint.seconds()},
          {"flops", checkpoint.flops()},
          {"bytes", checkpoint.file_bytes()},
          {"plan", plan_of(checkpoint)},
          {"lineage", lineage_json(checkpoint.lineage())}};
}

}  // namespace

json inspect(const std::filesystem::path& path, Statistics statistics) {
  if (is_folder(path)) {
    return inspect_checkpoint(path, statistics);
  }
  check_input(statistics == Statistics::kNone, path.string(),
              ": a config has no values to take statistics of");
  return inspect_config(path);
}

}  // namespace bam
