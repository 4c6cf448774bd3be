#include "model/parameter_store.h"

#include <algorithm>

#include "runtime/check.h"
#include "runtime/elementwise.h"
#include "runtime/random.h"

namespace bam {

DType weight_dtype(const ParameterSpec& spec, Precision precision) {
  const bool always_fp32 = spec.role == Role::kNorm || spec.is_router();
  return precision == Precision::kFloat32 || always_fp32 ? DType::kFloat32 : DType::kBFloat16;
}

bool is_trainable(const ParameterSpec& spec, Trainable which) {
  switch (which) {
    case Trainable::kAll: return true;
    case Trainable::kRoutersOnly: return spec.is_router();
    case Trainable::kRoutersAndShared: return !spec.is_expert();
  }
  return false;
}

ParameterStore::ParameterStore(Stream& stream, const ModelConfig& config,
                               const Placement& placement, int rank, Precision precision,
                               Gradients gradients, Trainable trainable)
    : gradients_(gradients),
      trainable_(trainable),
      specs_(parameter_specs(config)),
      local_of_spec_(specs_.size(), -1) {
  for (std::size_t i = 0; i < specs_.size(); ++i) {
    const ParameterSpec& spec = specs_[i];
    if (!placement.holds(rank, spec)) {
      continue;
    }
    Parameter parameter{.spec = spec,
                        .index = static_cast<int>(i),
                        .value = Tensor(stream, spec.shape, weight_dtype(spec, precision)),
                        .gradient = {}};
    if (trains(spec)) {
      parameter.gradient = Tensor(stream, spec.shape, DType::kFloat32);
    }
    local_of_spec_[i] = static_cast<int>(parameters_.size());
    by_name_.emplace(spec.name(), parameters_.size());
    parameters_.push_back(std::move(parameter));
  }
}

const Parameter& ParameterStore::at(const std::string& name) const {
  const auto found = by_name_.find(name);
  check(found != by_name_.end(), "no weight ", name, " on this rank");
  return parameters_[found->second];
}

bool ParameterStore::trains(const ParameterSpec& spec) const {
  return gradients_ == Gradients::kTrained && is_trainable(spec, trainable_);
}

Parameter* ParameterStore::find(int spec) {
  const int local = local_of_spec_.at(static_cast<std::size_t>(spec));
  return local < 0 ? nullptr : &parameters_[static_cast<std::size_t>(local)];
}

void ParameterStore::zero_gradients(Stream& stream) {
  for (Parameter& parameter : parameters_) {
    if (!parameter.gradient.empty()) {
      fill_zero(stream, parameter.gradient);
    }
  }
}

Tensor initial_values(Stream& stream, const ParameterSpec& spec, std::uint64_t seed,
                      std::int64_t begin, std::int64_t end) {
  Tensor values(stream, {end - begin}, DType::kFloat32);
  if (spec.init_std == 0) {
    fill(stream, values, 1.0F);
  } else {
    fill_normal(stream, Random(seed, spec.name()), spec.init_std, begin, values);
  }
  return values;
}

}  // namespace bam
