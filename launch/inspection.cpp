#include "launch/inspection.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "io/checkpoint_reader.h"
#include "io/run_config.h"
#include "runtime/check.h"

namespace bam {
namespace {

using nlohmann::json;

json json_of(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string text;
  check(google::protobuf::util::MessageToJsonString(message, &text, options).ok(),
        "a config that has no JSON form");
  return json::parse(text);
}

json json_of(const Lineage& node) {
  json parents = json::array();
  for (const Lineage& parent : node.parents()) {
    parents.push_back(json_of(parent));
  }
  return {{"made_by", node.made_by()},           {"run", node.run()},
          {"step", node.step()},                 {"tokens_phase", node.tokens_phase()},
          {"manifest_hash", node.manifest_hash()}, {"parents", std::move(parents)}};
}

json statistics_of(const CheckpointReader& checkpoint, const ParameterSpec& tensor) {
  double sum = 0;
  double squares = 0;
  double least = std::numeric_limits<double>::infinity();
  double most = -least;
  std::vector<float> values;
  ParameterSpec spec = tensor;
  for (int expert = 0; expert < tensor.experts; ++expert) {
    spec.expert = tensor.is_expert() ? expert : ParameterSpec::kNone;
    for (std::int64_t begin = 0; begin < spec.elements(); begin += kTileElements) {
      const std::int64_t end = std::min(begin + kTileElements, spec.elements());
      values.resize(static_cast<std::size_t>(end - begin));
      checkpoint.read(StateKind::kWeight, spec, begin, end, values);
      for (const float narrow : values) {
        const double value = static_cast<double>(narrow);
        sum += value;
        squares += value * value;
        least = std::min(least, value);
        most = std::max(most, value);
      }
    }
  }
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
          {"lineage", json_of(checkpoint.lineage())}};
}

}  // namespace

json inspect(const std::filesystem::path& path, Statistics statistics) {
  if (std::filesystem::is_directory(path)) {
    return inspect_checkpoint(path, statistics);
  }
  check_input(statistics == Statistics::kNone, path.string(),
              ": a config has no values to take statistics of");
  return inspect_config(path);
}

}  // namespace bam
