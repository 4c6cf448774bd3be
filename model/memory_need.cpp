#include "model/memory_need.h"

#include <algorithm>
#include <numeric>

#include "model/expert_capacity.h"

namespace bam {
namespace {

constexpr double kFloat = 4;
constexpr double kIndex = 4;

// The shares of the copies that a rank holds of one kind of experts.
std::vector<double> shares_on(const std::vector<Replicas>& experts, int rank) {
  std::vector<double> shares;
  for (const Replicas& replicas : experts) {
    for (const Replica& replica : replicas) {
      if (replica.rank == rank) {
        shares.push_back(replica.share);
      }
    }
  }
  return shares;
}

LayerHolding holding_of(const LayerPlacement& placement, int rank) {
  LayerHolding holding{.attention = shares_on(placement.attention, rank), .ffn = {}};
  for (const double share : shares_on(placement.ffn, rank)) {
    holding.ffn.push_back({.load = 1 / static_cast<double>(placement.ffn.size()), .share = share});
  }
  return holding;
}

// Queries, outputs and the softmax's logarithms of `queries` rows, keys and values of `keys`.
double attention_bytes(const ModelConfig& config, double queries, double keys, double element) {
  return queries * (2 * static_cast<double>(config.d_model) * element + config.n_heads * kFloat) +
         keys * 2 * static_cast<double>(config.kv_width()) * element;
}

double router_bytes(double rows, double experts) { return rows * (experts + 1) * kFloat; }

// Of a rank that has `own` rows of its group's. Copies attend to a rank's own sequences first.
double attention_experts_bytes(const ModelConfig& config, const std::vector<double>& shares,
                               double own, double group, double element) {
  const AttentionMixture& mixture = *config.mixture->attention;
  const double all = std::accumulate(shares.begin(), shares.end(), 0.0);
  const double largest = shares.empty() ? 0 : std::ranges::max(shares);
  const double use = static_cast<double>(mixture.active()) / mixture.experts;
  const double gates = mixture.experts * kFloat;
  const double keys = mixture.key_value == KeyValue::kShared ? largest : all;
  return attention_bytes(config, group * all * use, group * keys, element) +
         (mixture.has_router() ? router_bytes(own, mixture.experts) : own * gates) +
         std::max(0.0, largest * group - own) *
             (static_cast<double>(config.d_model) * element + gates);
}

// What a norm reads (fp32), its statistics and its output.
double norm_bytes(double rows, double d, double element) {
  return rows * (d * kFloat + 2 * kFloat + d * element);
}

double element_bytes(Precision precision) { return precision == Precision::kBFloat16 ? 2 : 4; }

}  // namespace

double norm_activations(double rows, std::int64_t d_model, Precision precision) {
  return norm_bytes(rows, static_cast<double>(d_model), element_bytes(precision));
}

// Each time the whole output weight's gradient goes from memory and back, for which a GPU could
// multiply some 200 rows.
std::int64_t logit_rows(DeviceKind device, std::int64_t vocabulary, DType dtype) {
  constexpr std::int64_t kFew = 512;
  if (device == DeviceKind::kCpu) {
    return kFew;
  }
  constexpr std::int64_t kBytes = std::int64_t{2} << 30;
  const auto row = vocabulary * static_cast<std::int64_t>(bytes_of(dtype));
  return std::clamp<std::int64_t>(kBytes / row / kFew * kFew, kFew, 8192);
}

double layer_activations(const ModelConfig& config, const LayerHolding& holding,
                         const RankRows& rows, Precision precision) {
  const double element = element_bytes(precision);
  const auto d = static_cast<double>(config.d_model);
  const auto own = static_cast<double>(rows.own);
  const auto group = static_cast<double>(rows.group);
  const double ffn_row = 2 * static_cast<double>(config.ffn_hidden) * element;  // gate and up
  double bytes = norm_bytes(own, d, element);
  if (config.has_attention_experts()) {
    bytes += attention_experts_bytes(config, holding.attention, own, group, element);
  } else {
    bytes += attention_bytes(config, own, own, element);
  }
  if (!config.mixture) {
    return bytes + own * ffn_row;
  }
  const FfnMixture& mixture = config.mixture->ffn;
  const double per_token = ffn_rows_per_token(mixture, rows.capacity_factor);
  const double slots = own * per_token;
  double computed = 0;
  double arrivals = 0;
  for (const ExpertPart& part : holding.ffn) {
    const double rows_here = part.share * part.load * group * per_token;
    computed += rows_here;
    arrivals += std::max(0.0, rows_here - part.load * slots);
  }
  bytes += router_bytes(own, mixture.experts) + slots * (kIndex + kFloat + 2 * kIndex);
  return bytes + slots * 2 * d * element + arrivals * d * element + computed * ffn_row;
}

MemoryNeed memory_need(const ModelConfig& config, const Placement& placement, int rank,
                       const RankRows& rows, Precision precision, Snapshots snapshots) {
  MemoryNeed need;
  for (const ParameterSpec& spec : parameter_specs(config)) {
    if (!placement.holds(rank, spec)) {
      continue;
    }
    const auto elements = static_cast<double>(spec.elements());
    const DType dtype = weight_dtype(spec, precision);
    const double copies =
        spec.is_expert() ? static_cast<double>(placement.replicas_of(spec).size()) : rows.copies;
    const double states = dtype == DType::kFloat32 ? 2 : 3;  // moments, and a master
    need.weights += elements * static_cast<double>(bytes_of(dtype));
    need.gradients += elements * kFloat;
    need.optimizer += elements / copies * kFloat * states;
    need.snapshot += snapshots == Snapshots::kInBackground ? elements / copies * kFloat * 3 : 0;
  }
  for (const LayerPlacement& layer : placement.layers) {
    need.activations += layer_activations(config, holding_of(layer, rank), rows, precision);
  }
  need.activations += norm_activations(static_cast<double>(rows.own), config.d_model, precision);
  return need;
}

}  // namespace bam
