#include "io/guard_config.h"

namespace bam {
namespace {

SpikeConfig spikes_of(const proto::SpikeGuard& in, const FieldCheck& field) {
  SpikeConfig out;
  if (in.has_deviations()) {
    out.deviations = field.positive(in.deviations(), "guard.spikes.deviations");
  }
  if (in.has_memory()) {
    out.memory = field.whole(in.memory(), "guard.spikes.memory", 2);
  }
  if (in.has_most_rewinds()) {
    out.most_rewinds = field.whole(in.most_rewinds(), "guard.spikes.most_rewinds", 1);
  }
  return out;
}

}  // namespace

GuardConfig guard_config_of(const proto::GuardConfig& in, const FieldCheck& field) {
  GuardConfig out;
  if (in.has_hang_seconds()) {
    out.hang_seconds = field.not_negative(in.hang_seconds(), "guard.hang_seconds");
  }
  if (in.has_hang_factor()) {
    out.hang_factor = field.positive(in.hang_factor(), "guard.hang_factor");
  }
  if (in.has_slow_seconds()) {
    out.slow_seconds = field.positive(in.slow_seconds(), "guard.slow_seconds");
  }
  if (in.has_non_finite_steps()) {
    out.non_finite_steps = field.whole(in.non_finite_steps(), "guard.non_finite_steps", 1);
  }
  if (in.has_spikes()) {
    out.spikes = spikes_of(in.spikes(), field);
  }
  return out;
}

void fill_defaults(proto::GuardConfig& guard) {
  const GuardConfig standard;
  guard.set_hang_seconds(guard.has_hang_seconds() ? guard.hang_seconds() : standard.hang_seconds);
  guard.set_hang_factor(guard.has_hang_factor() ? guard.hang_factor() : standard.hang_factor);
  guard.set_slow_seconds(guard.has_slow_seconds() ? guard.slow_seconds() : standard.slow_seconds);
  guard.set_non_finite_steps(guard.has_non_finite_steps() ? guard.non_finite_steps()
                                                          : standard.non_finite_steps);
  if (guard.has_spikes()) {
    proto::SpikeGuard& spikes = *guard.mutable_spikes();
    const SpikeConfig usual;
    spikes.set_deviations(spikes.has_deviations() ? spikes.deviations() : usual.deviations);
    spikes.set_memory(spikes.has_memory() ? spikes.memory() : usual.memory);
    spikes.set_most_rewinds(spikes.has_most_rewinds() ? spikes.most_rewinds() : usual.most_rewinds);
  }
}

}  // namespace bam
