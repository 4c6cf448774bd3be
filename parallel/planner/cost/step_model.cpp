#include "parallel/planner/cost/step_model.h"

#include <algorithm>

namespace bam {
namespace {

constexpr double kFloat = 4;
constexpr double kAdamwBytes =
    28;  // gradient, weight and two moments read; all but the first written
constexpr double kRoutingBytes = 8;  // statistics travel as doubles

/// What is left of an exchange that compute runs beside.
double exposed_of(double exchange, double cover, const Cluster& cluster) {
  return exchange - std::min(exchange * cluster.hides, cover);
}

/// The slowest rank's time in one layer. Ranks of equal holdings are looked at once.
PassSeconds slowest(const RunShape& run, const RunLayout& layout, const Cluster& cluster,
                    const LayerHoldings& layer) {
  PassSeconds most;
  std::vector<const RankHolding*> seen;
  for (const RankHolding& rank : layer) {
    const auto is_same = [&](const RankHolding* other) { return *other == rank; };
    if (std::any_of(seen.rbegin(), seen.rbegin() + std::min<std::ptrdiff_t>(4, std::ssize(seen)),
                    is_same)) {
      continue;
    }
    seen.push_back(&rank);
    const PassSeconds seconds = layer_seconds(run, layout, cluster, rank);
    most = seconds.total() > most.total() ? seconds : most;
  }
  return most;
}

/// Puts one step together.
class StepTime {
 public:
  StepTime(const RunShape& run, const ModelSizes& sizes, const RunLayout& layout,
           const Cluster& cluster, const std::vector<LayerHoldings>& layers)
      : run_(run), sizes_(sizes), layout_(layout), cluster_(cluster), layers_(layers) {}

  StepPrediction predicted() {
    add_blocks();
    add_head();
    const double last_backward = step_.backward.total();
    const auto micro_steps = static_cast<double>(layout_.micro_steps);
    step_.forward = step_.forward * micro_steps;
    step_.backward = step_.backward * micro_steps;
    step_.exchange *= micro_steps;
    step_.exposed *= micro_steps;
    step_.traffic = step_.traffic * micro_steps;
    add_update(last_backward);
    return step_;
  }

 private:
  void add_blocks() {
    const double times =
        static_cast<double>(run_.model.n_layers) / static_cast<double>(layers_.size());
    for (const LayerHoldings& layer : layers_) {
      const PassSeconds pass = slowest(run_, layout_, cluster_, layer);
      ComputeSeconds backward = pass.backward;
      if (layout_.recompute) {
        backward += pass.forward;
      }
      const Traffic traffic = layer_traffic(run_, layout_, cluster_, layer);
      const double passes = layout_.recompute ? 3 : 2;  // that exchange
      const double exchange = traffic.seconds(cluster_);
      const double exposed = exposed_of(exchange, pass.forward.total(), cluster_) +
                             exposed_of(exchange * (passes - 1), backward.total(), cluster_);
      step_.forward += pass.forward * times;
      step_.backward += backward * times;
      step_.exchange += exchange * passes * times;
      step_.exposed += exposed * times;
      step_.traffic += traffic * (passes * times);
    }
  }

  void add_head() {
    const PassSeconds head = head_seconds(run_, layout_, cluster_);
    step_.forward += head.forward;
    step_.backward += head.backward;
    if (!run_.model.mixture || layout_.ranks == 1) {
      return;
    }
    // Every rank's routing statistics go to every rank, beside the output layer.
    const double numbers =
        run_.model.n_layers *
        (2.0 * run_.model.ffn_experts() + 3 +
         (run_.model.has_attention_experts() ? 2.0 * run_.model.attention_experts() + 3 : 0));
    const Traffic statistics = world_peers(layout_, cluster_).each(numbers * kRoutingBytes, 1);
    const double seconds = statistics.seconds(cluster_);
    step_.exchange += seconds;
    step_.exposed += exposed_of(seconds, head.forward.total() + head.backward.total(), cluster_);
    step_.traffic += statistics;
  }

  void add_update(double last_backward) {
    const StepTraffic traffic = step_traffic(run_, sizes_, layout_, cluster_, layers_);
    const double gradients = traffic.gradients.seconds(cluster_);
    const double last = traffic.last_gradient.seconds(cluster_);
    const double weights = traffic.weights.seconds(cluster_);
    step_.exchange += gradients + last + weights;
    step_.exposed += exposed_of(gradients, last_backward, cluster_) + last + weights;
    step_.traffic += traffic.gradients;
    step_.traffic += traffic.last_gradient;
    step_.traffic += traffic.weights;

    const double shared = sizes_.shared + sizes_.shared_fp32;
    const double experts = expert_elements();
    const double owned = shared / layout_.ranks + experts / layout_.data_parallel();
    const double summed =
        (layout_.ranks > 1 ? shared : 0) + (layout_.data_parallel() > 1 ? experts : 0);
    step_.optimizer += owned * kAdamwBytes / cluster_.rows.optimizer;
    // Gradients are set to zero, summed over copies, and read for their norm.
    step_.optimizer += ((shared + experts) + summed + owned) * kFloat / cluster_.rows.copy;
  }

  double expert_elements() const {
    double most = 0;
    for (std::size_t rank = 0; rank < layers_.front().size(); ++rank) {
      double elements = 0;
      for (const LayerHoldings& layer : layers_) {
        elements += layer[rank].attention_copies * sizes_.attention_expert +
                    static_cast<double>(layer[rank].ffn_shares.size()) * sizes_.ffn_expert;
      }
      most = std::max(most, elements);
    }
    return most * static_cast<double>(run_.model.n_layers) / static_cast<double>(layers_.size());
  }

  const RunShape& run_;
  const ModelSizes& sizes_;
  const RunLayout& layout_;
  const Cluster& cluster_;
  const std::vector<LayerHoldings>& layers_;
  StepPrediction step_;
};

}  // namespace

StepPrediction predict_step(const RunShape& run, const ModelSizes& sizes, const RunLayout& layout,
                            const Cluster& cluster, const std::vector<LayerHoldings>& layers) {
  return StepTime(run, sizes, layout, cluster, layers).predicted();
}

}  // namespace bam
