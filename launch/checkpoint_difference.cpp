#include "launch/checkpoint_difference.h"

#include <bit>
#include <cmath>
#include <compare>
#include <map>
#include <set>

#include "io/checkpoint_reader.h"
#include "launch/message_json.h"
#include "launch/tensor_tiles.h"

namespace bam {
namespace {

using nlohmann::json;

std::map<std::string, json> fields_of(const CheckpointReader& checkpoint) {
  std::map<std::string, json> fields;
  for (const auto& [path, value] : flat(json_of(checkpoint.config_text()))) {
    fields["config." + path] = value;
  }
  fields["step"] = checkpoint.step();
  fields["tokens.phase"] = checkpoint.tokens_phase();
  fields["tokens.cumulative"] = checkpoint.tokens_cumulative();
  fields["tokenizer"] = hex_of(hash_of(checkpoint.tokenizer()));
  fields["made_by"] = checkpoint.lineage().made_by();
  return fields;
}

json differing_fields(const CheckpointReader& a, const CheckpointReader& b) {
  const std::map<std::string, json> left = fields_of(a);
  const std::map<std::string, json> right = fields_of(b);
  std::set<std::string> names;
  for (const auto* side : {&left, &right}) {
    for (const auto& [name, value] : *side) {
      names.insert(name);
    }
  }
  json differing = json::array();
  for (const std::string& name : names) {
    const json of_a = left.contains(name) ? left.at(name) : json();
    const json of_b = right.contains(name) ? right.at(name) : json();
    if (of_a != of_b) {
      differing.push_back({{"field", name}, {"a", of_a}, {"b", of_b}});
    }
  }
  return differing;
}

/// Sums over the elements of one data set.
class ValueDifference {
 public:
  void add(std::span<const float> a, std::span<const float> b) {
    for (std::size_t i = 0; i < a.size(); ++i) {
      const auto left = static_cast<double>(a[i]);
      const auto right = static_cast<double>(b[i]);
      differing_ +=
          std::bit_cast<std::uint32_t>(a[i]) != std::bit_cast<std::uint32_t>(b[i]) ? 1 : 0;
      largest_ = std::max(largest_, std::abs(left - right));
      squares_ += (left - right) * (left - right);
      squares_a_ += left * left;
      squares_b_ += right * right;
    }
    elements_ += std::ssize(a);
  }
  void write(json& out) const {
    out["elements"] = elements_;
    out["differing"] = differing_;
    out["largest"] = largest_;
    out["norm"] = std::sqrt(squares_);
    out["norm_a"] = std::sqrt(squares_a_);
    out["norm_b"] = std::sqrt(squares_b_);
  }

 private:
  std::int64_t elements_ = 0;
  std::int64_t differing_ = 0;
  double largest_ = 0;
  double squares_ = 0;
  double squares_a_ = 0;
  double squares_b_ = 0;
};

struct StoredTensors {
  const ParameterSpec* a = nullptr;
  const ParameterSpec* b = nullptr;
};

struct StateOf {
  StateKind kind;
  std::string tensor;
  auto operator<=>(const StateOf&) const = default;
};

/// The data sets of either checkpoint, weights first.
using DataSets = std::map<StateOf, StoredTensors>;

void add(const CheckpointReader& checkpoint, const std::vector<ParameterSpec>& tensors,
         const ParameterSpec* StoredTensors::*side, DataSets& out) {
  for (const StateKind kind : kStateKinds) {
    for (const ParameterSpec& spec : tensors) {
      if (checkpoint.has(kind, spec)) {
        out[{kind, spec.tensor}].*side = &spec;
      }
    }
  }
}

json shape_json(const ParameterSpec* spec) {
  return spec == nullptr ? json() : json(spec->stacked_shape());
}

json compare(const StateOf& state, const StoredTensors& tensors, const CheckpointReader& a,
             const CheckpointReader& b) {
  json out = {{"path", data_set_path(state.kind, state.tensor)},
              {"shape_a", shape_json(tensors.a)},
              {"shape_b", shape_json(tensors.b)}};
  if (out["shape_a"] != out["shape_b"]) {
    return out;
  }
  ValueDifference difference;
  std::vector<float> left;
  std::vector<float> right;
  for_each_tile(*tensors.a, [&](const ParameterSpec& weight, std::int64_t begin, std::int64_t end) {
    left.resize(static_cast<std::size_t>(end - begin));
    right.resize(left.size());
    a.read(state.kind, weight, begin, end, left);
    b.read(state.kind, weight, begin, end, right);
    difference.add(left, right);
  });
  difference.write(out);
  return out;
}

bool differs(const json& data_set) {
  return !data_set.contains("differing") || data_set["differing"] != 0;
}

}  // namespace

json difference_of_checkpoints(const std::filesystem::path& a, const std::filesystem::path& b) {
  const CheckpointReader left(a);
  const CheckpointReader right(b);
  const std::vector<ParameterSpec> tensors_a = stored_tensors(left.specs());
  const std::vector<ParameterSpec> tensors_b = stored_tensors(right.specs());
  DataSets both;
  add(left, tensors_a, &StoredTensors::a, both);
  add(right, tensors_b, &StoredTensors::b, both);
  json data_sets = json::array();
  std::int64_t differing = 0;
  for (const auto& [state, tensors] : both) {
    data_sets.push_back(compare(state, tensors, left, right));
    differing += differs(data_sets.back()) ? 1 : 0;
  }
  return {{"a", left.path().string()},
          {"b", right.path().string()},
          {"fields", differing_fields(left, right)},
          {"data_sets", std::move(data_sets)},
          {"differing", differing}};
}

}  // namespace bam
