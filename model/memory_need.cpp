#include "model/memory_need.h"

namespace bam {
namespace {

constexpr double kFloat = 4;
constexpr double kIndex = 4;

double held(const std::vector<int>& rank_of_expert, int rank) {
  return static_cast<double>(experts_on(rank_of_expert, rank).size());
}

// Queries, keys, values, outputs and the softmax's logarithms of `experts` attentions over `rows`.
double attention_bytes(const ModelConfig& config, double rows, double experts, double element) {
  const bool is_shared =
      config.has_attention_experts() && config.mixture->attention->key_value == KeyValue::kShared;
  const double key_values = is_shared ? (experts > 0 ? 1 : 0) : experts;
  const auto d = static_cast<double>(config.d_model);
  return rows * (experts * (2 * d * element + config.n_heads * kFloat) +
                 key_values * 2 * static_cast<double>(config.kv_width()) * element);
}

// What a norm reads (fp32), its statistics and its output.
double norm_bytes(double rows, double d, double element) {
  return rows * (d * kFloat + 2 * kFloat + d * element);
}

double router_bytes(double rows, double experts) { return rows * (experts + 1) * kFloat; }

double layer_bytes(const ModelConfig& config, const LayerPlacement& placement, int rank,
                   const RankRows& rows, double element) {
  const auto d = static_cast<double>(config.d_model);
  const auto own = static_cast<double>(rows.own);
  const auto group = static_cast<double>(rows.group);
  const double ffn_row = 2 * static_cast<double>(config.ffn_hidden) * element;  // gate and up
  double bytes = norm_bytes(own, d, element);
  if (config.has_attention_experts()) {
    const AttentionMixture& mixture = *config.mixture->attention;
    const double experts = held(placement.attention, rank);
    const double gates = mixture.experts * kFloat;
    const double use = static_cast<double>(mixture.active()) / mixture.experts;
    bytes += attention_bytes(config, group, experts * use, element);
    bytes += mixture.has_router() ? router_bytes(own, mixture.experts) : own * gates;
    bytes += experts > 0 ? (group - own) * (d * element + gates) : 0;
  } else {
    bytes += attention_bytes(config, own, 1, element);
  }
  if (!config.mixture) {
    return bytes + own * ffn_row;
  }
  const FfnMixture& mixture = config.mixture->ffn;
  const double share = held(placement.ffn, rank) / mixture.experts;
  const double slots = own * mixture.top_k;
  const double computed = group * mixture.top_k * share;
  const double arrivals = computed - slots * share;
  bytes += router_bytes(own, mixture.experts) + slots * (kIndex + kFloat + 2 * kIndex);
  return bytes + slots * 2 * d * element + arrivals * d * element + computed * ffn_row;
}

}  // namespace

MemoryNeed memory_need(const ModelConfig& config, const Placement& placement, int rank,
                       const RankRows& rows, Precision precision, Snapshots snapshots) {
  const double element = precision == Precision::kBFloat16 ? 2 : 4;
  MemoryNeed need;
  for (const ParameterSpec& spec : parameter_specs(config)) {
    if (!placement.holds(rank, spec)) {
      continue;
    }
    const auto elements = static_cast<double>(spec.elements());
    const DType dtype = weight_dtype(spec, precision);
    const double owned = spec.is_expert() ? elements : elements / rows.copies;
    const double states = dtype == DType::kFloat32 ? 2 : 3;  // moments, and a master
    need.weights += elements * static_cast<double>(bytes_of(dtype));
    need.gradients += elements * kFloat;
    need.optimizer += owned * kFloat * states;
    need.snapshot += snapshots == Snapshots::kInBackground ? owned * kFloat * 3 : 0;
  }
  for (const LayerPlacement& layer : placement.layers) {
    need.activations += layer_bytes(config, layer, rank, rows, element);
  }
  need.activations += norm_bytes(static_cast<double>(rows.own),
                                 static_cast<double>(config.d_model), element);
  return need;
}

}  // namespace bam
