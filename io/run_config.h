#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/guard_config.h"
#include "model/config.h"
#include "model/parameter_store.h"
#include "proto/run_config.pb.h"

namespace bam {

class FieldCheck;

/// One domain of a batch.
struct DomainShare {
  std::string name;
  std::string path;
  double share = 1.0;
};

struct DataConfig {
  std::vector<DomainShare> domains;
  std::int64_t sequence_length = 0;  // tokens
};

struct TrainingConfig {
  std::int64_t steps = 0;
  std::int64_t sequences_per_step = 0;  // over all ranks and micro-steps
  std::int64_t micro_steps = 1;         // divides sequences_per_step
  Precision precision = Precision::kFloat32;
  Trainable trainable = Trainable::kAll;
  std::uint64_t seed = 1;
  bool recompute = false;
  std::int64_t validate_every = 0;  // steps; 0: never
  std::int64_t validation_tokens = 8192;
  std::int64_t log_every = 1;            // steps
  std::int64_t routing_trace_every = 0;  // steps; 0: never
};

struct OptimizerConfig {
  double learning_rate = 0;
  std::int64_t warmup_steps = 0;
  double final_share = 0.1;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  double weight_decay = 0.1;
  std::vector<Role> no_decay = {Role::kNorm};
  double clip_norm = 1.0;  // 0: off
};

struct ReplanConfig {
  int slots_per_rank = 0;  // 0: no more copies than there are
  int moves = 2;
  double least_gain = 0.05;
};

struct ParallelConfig {
  int expert_parallel = 0;  // ranks; 0: all
  bool overlap = true;
  int slices_per_peer = 2;
  std::string placement;  // file; empty: round-robin
  std::optional<ReplanConfig> replan;
  double expert_capacity_factor = 0;  // 0: as many rows as chose the expert
  bool cuda_graphs = false;
  bool deterministic = true;
};

struct CheckpointConfig {
  std::int64_t every = 0;       // steps; 0: only at the end
  std::int64_t keep_last = 2;   // 0: all
  std::int64_t keep_every = 0;  // steps; 0: none
  bool in_background = true;    // train on meanwhile, from a copy
};

/// One training run; see proto/run_config.proto for each field's meaning.
struct RunConfig {
  ModelConfig model;
  DataConfig data;
  TrainingConfig training;
  OptimizerConfig optimizer;
  ParallelConfig parallel;
  CheckpointConfig checkpoint;
  std::string init_from;  // checkpoint; empty: weights are drawn
  GuardConfig guard;
};

/// The file as written, `a.b=c` overrides applied. Throws BadInput naming file, line and field
/// where it is not a well-formed RunConfig; values are checked by run_config_of.
proto::RunConfig read_run_config(const std::filesystem::path& path,
                                 std::span<const std::string> overrides = {});

/// The same config with every default written out.
proto::RunConfig with_defaults(proto::RunConfig config);

/// The plain structs, defaults filled in. Throws BadInput naming `source`, the field's path, its
/// value and what was expected.
RunConfig run_config_of(const proto::RunConfig& config, const std::string& source);

/// The same for the model alone.
ModelConfig model_config_of(const proto::ModelConfig& config, const std::string& source);

/// parallel.expert_capacity_factor: 0, or a number of at least 1.
double capacity_factor_of(const proto::ParallelConfig& config, const FieldCheck& field);

/// Reads a file that is either a RunConfig or a bare ModelConfig; of the latter only `model` is set
/// in the answer. Throws BadInput as read_run_config does.
proto::RunConfig read_run_or_model_config(const std::filesystem::path& path);

/// The model of such a file.
ModelConfig read_model_config(const std::filesystem::path& path);

}  // namespace bam
