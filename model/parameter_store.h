#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/parameters.h"
#include "model/placement.h"

namespace bam {

/// What the products are computed in; norms and routers are fp32 either way.
enum class Precision { kFloat32, kBFloat16 };

/// What a weight is kept in: the products' dtype, but norms and routers are fp32.
DType weight_dtype(const ParameterSpec& spec, Precision precision);

/// Which weights are trained.
enum class Trainable { kAll, kRoutersOnly, kRoutersAndShared };
bool is_trainable(const ParameterSpec& spec, Trainable which);

/// One weight on this rank.
struct Parameter {
  ParameterSpec spec;
  int index = 0;    // into parameter_specs(config)
  Tensor value;     // spec.shape; fp32, or bf16 where the precision says so
  Tensor gradient;  // spec.shape, fp32; empty where the weight is not trained
  /// The matrices that value and gradient are rows of, from `stack_row` on: weights of one kind, or
  /// of the same input, lie one after the other, so that one product does for all
  /// (model/weight_stack.h).
  Tensor value_stack = {};
  Tensor gradient_stack = {};
  std::int64_t stack_row = 0;
  /// The gradient stands for zeros, whatever is in it: what is added next replaces it.
  mutable bool is_gradient_stale = false;
};

/// The weights that live on one rank, and their gradients.
class ParameterStore {
 public:
  /// Uninitialised weights of `rank`'s part of the model. With kNoGradients nothing is trained
  /// (evaluation, generation).
  enum class Gradients { kNone, kTrained };
  ParameterStore(Stream& stream, const ModelConfig& config, const Placement& placement, int rank,
                 Precision precision, Gradients gradients, Trainable trainable = Trainable::kAll);

  std::vector<Parameter>& parameters() { return parameters_; }
  const std::vector<Parameter>& parameters() const { return parameters_; }
  /// Whether a weight, local or not, has a gradient.
  bool trains(const ParameterSpec& spec) const;
  /// The inventory of the whole model, local or not.
  const std::vector<ParameterSpec>& specs() const { return specs_; }

  /// The weight of that name (ParameterSpec::name); throws Error where this rank does not hold it.
  const Parameter& at(const std::string& name) const;
  /// The local weight of inventory index `spec`; nullptr where another rank holds it.
  Parameter* find(int spec);

  void zero_gradients(Stream& stream);
  /// The same, but gradients that only products add to are left stale, for the first product to
  /// replace: a pass over them less than to zero them, and one less than to add.
  void restart_gradients(Stream& stream);
  /// Zeroes what is still stale of the weights that `is_read` picks: before any but a product reads
  /// or adds to their gradients.
  void settle_gradients(Stream& stream, const std::function<bool(const ParameterSpec&)>& is_read);
  void settle_gradients(Stream& stream);

 private:
  void allocate(Stream& stream, const std::vector<Parameter*>& stack, Precision precision) const;

  Gradients gradients_;
  Trainable trainable_;
  std::vector<ParameterSpec> specs_;
  std::vector<Parameter> parameters_;
  std::unordered_map<std::string, std::size_t> by_name_;
  std::vector<int> local_of_spec_;  // index into parameters_, or -1
};

/// fp32 initial values of one weight, or of elements [begin, end) of it: normal or ones, a function
/// of (seed, name, element) alone.
Tensor initial_values(Stream& stream, const ParameterSpec& spec, std::uint64_t seed,
                      std::int64_t begin, std::int64_t end);

}  // namespace bam
