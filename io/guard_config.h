#pragma once

#include <cstdint>
#include <optional>

#include "io/field_check.h"
#include "proto/run_config.pb.h"

namespace bam {

/// A loss or gradient norm far beyond what it was lately.
struct SpikeConfig {
  double deviations = 8;          // standard deviations above the running mean
  std::int64_t memory = 100;      // steps that the running mean and deviation remember
  std::int64_t most_rewinds = 3;  // in the whole run
};

/// What ends or mends a run that goes wrong; see proto/run_config.proto.
struct GuardConfig {
  double hang_seconds = 25;  // 0: no watchdog
  double hang_factor = 5;
  double slow_seconds = 1800;
  std::int64_t non_finite_steps = 5;
  std::optional<SpikeConfig> spikes;
};

/// Throws BadInput naming the field, as run_config_of does.
GuardConfig guard_config_of(const proto::GuardConfig& in, const FieldCheck& field);

/// Writes every default out.
void fill_defaults(proto::GuardConfig& guard);

}  // namespace bam
