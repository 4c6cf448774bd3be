#include "launch/plan_input.h"

#include <algorithm>

#include "io/cluster_file.h"
#include "io/field_check.h"
#include "io/run_config.h"
#include "io/text_proto.h"
#include "launch/cluster_presets.h"

namespace bam {
namespace {

constexpr std::string_view kClusterPrefix = "cluster.";

proto::Cluster read_cluster(const std::string& name) {
  proto::Cluster message;
  const auto presets = cluster_presets();
  const auto found = std::ranges::find(presets, name, &ClusterPreset::name);
  if (found != presets.end()) {
    parse_text_proto(found->text, name, message);
    return message;
  }
  try {
    read_text_proto(name, message);
  } catch (const BadInput& error) {
    std::string names;
    for (const ClusterPreset& preset : presets) {
      names += " " + std::string(preset.name);
    }
    throw BadInput(message_of("--cluster: ", error.what(), " (by name there are", names, ")"));
  }
  return message;
}

RunShape run_shape_of(const proto::RunConfig& config, const std::string& source) {
  const FieldCheck field(source);
  RunShape run{.model = model_config_of(config.model(), source)};
  run.sequences = field.whole(config.training().sequences_per_step(), "training.sequences_per_step",
                              1, std::int64_t{1} << 31);
  run.length = field.whole(config.data().sequence_length(), "data.sequence_length", 1, 1 << 24);
  run.precision = config.training().precision() == proto::TrainingConfig::BF16
                      ? Precision::kBFloat16
                      : Precision::kFloat32;
  const proto::CheckpointConfig& checkpoint = config.checkpoint();
  const bool in_background = !checkpoint.has_in_background() || checkpoint.in_background();
  run.snapshots =
      checkpoint.every() > 0 && in_background ? Snapshots::kInBackground : Snapshots::kNone;
  run.capacity_factor = capacity_factor_of(config.parallel(), field);
  return run;
}

RunLayout layout_of(const proto::RunConfig& config, int ranks, const std::string& source) {
  const FieldCheck field(source);
  RunLayout layout{.ranks = ranks};
  const std::int64_t size = config.parallel().expert_parallel();
  layout.expert_parallel =
      size == 0 ? ranks : field.whole<int>(size, "parallel.expert_parallel", 1, ranks);
  field.that(ranks % layout.expert_parallel == 0, "parallel.expert_parallel", size,
             " does not divide the ", ranks, " ranks");
  const auto& training = config.training();
  layout.micro_steps = training.has_micro_steps()
                           ? field.whole(training.micro_steps(), "training.micro_steps", 1)
                           : 1;
  field.that(training.sequences_per_step() % layout.micro_steps == 0, "training.micro_steps",
             layout.micro_steps, " does not divide sequences_per_step ",
             training.sequences_per_step());
  layout.recompute = training.recompute();
  if (config.parallel().has_slices_per_peer()) {
    layout.slices_per_peer = field.whole<int>(config.parallel().slices_per_peer(),
                                              "parallel.slices_per_peer", 1, 1 << 16);
  }
  return layout;
}

}  // namespace

PlanInput read_plan_input(const std::string& config, const std::string& cluster,
                          std::span<const std::string> assignments) {
  proto::RunConfig run = read_run_or_model_config(config);
  proto::Cluster machines = read_cluster(cluster);
  for (const std::string& assignment : assignments) {
    if (assignment.starts_with(kClusterPrefix)) {
      set_field(machines, assignment.substr(kClusterPrefix.size()), kClusterPrefix);
    } else {
      set_field(run, assignment);
    }
  }
  PlanInput input{
      .run = run_shape_of(run, config), .cluster = cluster_of(machines, cluster), .layout = {}};
  input.run.device = input.cluster.device;
  input.layout = layout_of(run, input.cluster.ranks(), config);
  return input;
}

}  // namespace bam
