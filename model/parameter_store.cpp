#include "model/parameter_store.h"

#include <algorithm>
#include <map>

#include "runtime/check.h"
#include "runtime/elementwise.h"
#include "runtime/random.h"

namespace bam {
namespace {

// Not the input embedding, which rows are added to, nor what is too small to matter.
bool is_added_to_by_products_alone(const ParameterSpec& spec) {
  return spec.role != Role::kNorm && spec.role != Role::kEmbedding && !spec.is_router();
}

// Weights of one name are neighbours in memory, in the inventory's order.
std::string stack_key(const ParameterSpec& spec) {
  if (spec.role == Role::kAttention) {  // with all experts: queries, then keys, then values
    const std::size_t last = spec.tensor.size() - 1;
    return spec.tensor.back() == 'o' ? spec.tensor : spec.tensor.substr(0, last) + "qkv";
  }
  if (spec.role == Role::kFfn && spec.tensor.ends_with(".up")) {
    ParameterSpec gate = spec;
    gate.tensor.replace(gate.tensor.size() - 2, 2, "gate");
    return gate.name();
  }
  return spec.name();
}

}  // namespace

DType weight_dtype(const ParameterSpec& spec, Precision precision) {
  const bool always_fp32 = spec.role == Role::kNorm || spec.is_router();
  return precision == Precision::kFloat32 || always_fp32 ? DType::kFloat32 : DType::kBFloat16;
}

bool is_trainable(const ParameterSpec& spec, Trainable which) {
  switch (which) {
    case Trainable::kAll:
      return true;
    case Trainable::kRoutersOnly:
      return spec.is_router();
    case Trainable::kRoutersAndShared:
      return !spec.is_expert();
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
    local_of_spec_[i] = static_cast<int>(parameters_.size());
    by_name_.emplace(spec.name(), parameters_.size());
    parameters_.push_back(
        {.spec = spec, .index = static_cast<int>(i), .value = {}, .gradient = {}});
  }
  std::map<std::string, std::vector<Parameter*>> stacks;
  for (Parameter& parameter : parameters_) {
    const char* kind = trains(parameter.spec) ? "" : ", frozen";
    stacks[stack_key(parameter.spec) + kind].push_back(&parameter);
  }
  for (const auto& [name, parts] : stacks) {
    allocate(stream, parts, precision);
  }
}

void ParameterStore::allocate(Stream& stream, const std::vector<Parameter*>& stack,
                              Precision precision) const {
  const ParameterSpec& first = stack.front()->spec;
  Shape shape = first.shape;
  shape[0] = 0;
  for (Parameter* part : stack) {
    part->stack_row = shape[0];
    shape[0] += part->spec.shape[0];
  }
  const Tensor values(stream, shape, weight_dtype(first, precision));
  const Tensor gradients = trains(first) ? Tensor(stream, shape, DType::kFloat32) : Tensor();
  for (Parameter* part : stack) {
    const std::int64_t end = part->stack_row + part->spec.shape[0];
    part->value_stack = values;
    part->value = values.slice(part->stack_row, end);
    if (trains(first)) {
      part->gradient_stack = gradients;
      part->gradient = gradients.slice(part->stack_row, end);
    }
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
  restart_gradients(stream);
  settle_gradients(stream);
}

void ParameterStore::restart_gradients(Stream& stream) {
  for (const Parameter& parameter : parameters_) {
    if (parameter.gradient.empty()) {
      continue;
    }
    parameter.is_gradient_stale = is_added_to_by_products_alone(parameter.spec);
    if (!parameter.is_gradient_stale) {
      fill_zero(stream, parameter.gradient);
    }
  }
}

void ParameterStore::settle_gradients(Stream& stream,
                                      const std::function<bool(const ParameterSpec&)>& is_read) {
  for (const Parameter& parameter : parameters_) {
    if (parameter.is_gradient_stale && is_read(parameter.spec)) {
      fill_zero(stream, parameter.gradient);
      parameter.is_gradient_stale = false;
    }
  }
}

void ParameterStore::settle_gradients(Stream& stream) {
  settle_gradients(stream, [](const ParameterSpec& /*spec*/) { return true; });
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
