#include "parallel/planner/cost/layer_time.h"

#include <algorithm>
#include <cmath>

namespace bam {
namespace {

constexpr double kFloat = 4;

/// Adds up kernels of one pass at the cluster's rates.
class Kernels {
 public:
  Kernels(const RunShape& run, const Cluster& cluster) : run_(run), cluster_(cluster) {}

  /// y = x W^T with x (rows, in), W (out, in), in the run's dtype, `times` over.
  void linear(double rows, double in, double out, double times = 1) {
    add_linear(cluster_.rates(run_.dtype()), rows, in, out, times);
  }
  /// The same in fp32, as routers are.
  void fp32_linear(double rows, double in, double out) {
    add_linear(cluster_.fp32, rows, in, out, 1);
  }
  /// Attention of `experts` over `rows` positions in whole sequences.
  void attention(double rows, double experts) {
    const auto length = static_cast<double>(run_.length);
    const auto d = static_cast<double>(run_.model.d_model);
    const double operations = experts * rows * (length + 1) / 2 * 4 * d;
    const AttentionPoint rate = cluster_.rates(run_.dtype()).attention_rate(run_.length);
    pass_.forward.attention += operations / rate.forward;
    pass_.backward.attention += 2 * operations / rate.backward;
  }
  /// Bytes read and written.
  void copies(double forward, double backward) {
    pass_.forward.rows += forward / cluster_.rows.copy;
    pass_.backward.rows += backward / cluster_.rows.copy;
  }
  void activations(double forward, double backward) {
    pass_.forward.rows += forward / cluster_.rows.activation;
    pass_.backward.rows += backward / cluster_.rows.activation;
  }
  void losses(double bytes) { pass_.forward.rows += bytes / cluster_.rows.loss; }

  const PassSeconds& pass() const { return pass_; }

 private:
  void add_linear(const ComputeRates& rates, double rows, double in, double out, double times) {
    pass_.forward.products += times * rates.product_seconds({rows, in, out}, ProductKind::kForward);
    pass_.backward.products +=
        times * (rates.product_seconds({rows, out, in}, ProductKind::kInputGradient) +
                 rates.product_seconds({out, rows, in}, ProductKind::kWeightGradient));
  }

  const RunShape& run_;
  const Cluster& cluster_;
  PassSeconds pass_;
};

/// Held attention experts over some rows: a rank's own, or a slice of another's.
void add_attention(const RunShape& run, double rows, double experts, Kernels& kernels) {
  if (rows == 0 || experts == 0) {
    return;
  }
  const auto d = static_cast<double>(run.model.d_model);
  const auto kv = static_cast<double>(run.model.kv_width());
  const double element = run.element_bytes();
  const AttentionMixture* mixture =
      run.model.has_attention_experts() ? &*run.model.mixture->attention : nullptr;
  const bool is_shared = mixture != nullptr && mixture->key_value == KeyValue::kShared;
  const double use =
      mixture != nullptr ? static_cast<double>(mixture->active()) / mixture->experts : 1;
  kernels.linear(rows * use, d, d, 2 * experts);  // queries and outputs
  kernels.linear(rows, d, kv, 2 * (is_shared ? 1 : experts));
  kernels.attention(rows * use, experts);
  // Rotations of queries and keys, weighing by gates; backward: these, and the dot with the gates.
  const double rotated = rows * (use * d + kv) * 2 * element;
  const double weighed = mixture != nullptr ? rows * use * d * 2 * element : 0;
  // Gradients of shared keys and values are added up in fp32.
  const double shared = is_shared ? rows * 2 * kv * (element + 2 * kFloat) : 0;
  kernels.copies(experts * (rotated + weighed), experts * (rotated + 3 * weighed + shared));
}

void add_ffn_expert(const RunShape& run, double rows, Kernels& kernels) {
  if (rows == 0) {
    return;
  }
  const auto d = static_cast<double>(run.model.d_model);
  const auto hidden = static_cast<double>(run.model.ffn_hidden);
  const double element = run.element_bytes();
  kernels.linear(rows, d, hidden, 2);
  kernels.linear(rows, hidden, d);
  kernels.activations(rows * hidden * 3 * element, rows * hidden * 6 * element);
}

/// Choice, permutation and weighing of FFN rows.
void add_routing(const RunShape& run, double own, Kernels& kernels) {
  if (!run.model.mixture) {
    return;
  }
  const auto d = static_cast<double>(run.model.d_model);
  const double element = run.element_bytes();
  const double chosen = run.ffn_rows(own);
  kernels.fp32_linear(own, d, run.model.ffn_experts());
  double gates = run.model.ffn_experts();
  if (run.model.has_attention_experts()) {
    kernels.fp32_linear(own, d, run.model.attention_experts());
    gates += run.model.attention_experts();
  }
  const double permuted = chosen * d * 2 * element;
  const double combined = chosen * d * element + own * d * 2 * kFloat;
  kernels.copies(permuted + combined + own * gates * 8 * kFloat,
                 permuted + 2 * combined + own * gates * 8 * kFloat);
}

}  // namespace

ComputeSeconds& ComputeSeconds::operator+=(const ComputeSeconds& more) {
  products += more.products;
  attention += more.attention;
  rows += more.rows;
  return *this;
}

ComputeSeconds ComputeSeconds::operator*(double times) const {
  return {products * times, attention * times, rows * times};
}

RowCounts row_counts(const RunShape& run, const RunLayout& layout) {
  const double sequences =
      static_cast<double>(run.sequences) / static_cast<double>(layout.micro_steps);
  const double most = std::ceil(sequences / layout.ranks);
  const auto length = static_cast<double>(run.length);
  return {.own = most * length,
          .group = std::min(most * layout.expert_parallel, sequences) * length};
}

PassSeconds layer_seconds(const RunShape& run, const RunLayout& layout, const Cluster& cluster,
                          const RankHolding& holding) {
  Kernels kernels(run, cluster);
  const RowCounts rows = row_counts(run, layout);
  const double others = rows.group - rows.own;
  const auto d = static_cast<double>(run.model.d_model);
  const double element = run.element_bytes();
  // Norm, and the residual that a product is added to; backward: the same and the sums' first
  // zeros.
  kernels.copies(rows.own * d * (3 * kFloat + element), rows.own * d * (5 * kFloat + element));
  add_routing(run, rows.own, kernels);
  if (!run.model.has_attention_experts()) {
    add_attention(run, rows.own, 1, kernels);
  } else {
    add_attention(run, rows.own, holding.attention, kernels);
    const double slices = (layout.expert_parallel - 1) * layout.slices_per_peer;
    for (int slice = 0; slice < static_cast<int>(slices); ++slice) {
      add_attention(run, others / slices, holding.attention, kernels);
    }
  }
  if (!run.model.mixture) {
    add_ffn_expert(run, rows.own, kernels);
    return kernels.pass();
  }
  for (const double share : holding.ffn_shares) {
    add_ffn_expert(run, run.ffn_rows(rows.own) * share, kernels);
    add_ffn_expert(run, run.ffn_rows(others) * share, kernels);
  }
  return kernels.pass();
}

PassSeconds head_seconds(const RunShape& run, const RunLayout& layout, const Cluster& cluster) {
  Kernels kernels(run, cluster);
  const RowCounts rows = row_counts(run, layout);
  const auto d = static_cast<double>(run.model.d_model);
  const auto vocabulary = static_cast<double>(run.model.vocabulary);
  const std::int64_t at_once = logit_rows(run.device, run.model.vocabulary, run.dtype());
  const double pieces = std::max(1.0, std::ceil(rows.own / static_cast<double>(at_once)));
  kernels.linear(rows.own / pieces, d, vocabulary, pieces);
  // A CPU computes exponentials, in fp32, for longer than it moves logits.
  const double element = run.device == DeviceKind::kCpu ? kFloat : run.element_bytes();
  kernels.losses(rows.own * vocabulary * 3 * element);
  kernels.copies(rows.own * d * 3 * kFloat, rows.own * d * 4 * kFloat);
  return kernels.pass();
}

}  // namespace bam
