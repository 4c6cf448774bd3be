#pragma once

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <span>

#include "parallel/trainer.h"
#include "tests/model/small_model.h"
#include "tests/parallel/ranks.h"
#include "tests/runtime/tensors.h"

namespace bam::testing {

inline constexpr std::int64_t kLength = 16;
// Of weights whose experts are always chosen by a clear margin: rounding, a few 1e-7 of a gate,
// then cannot send a row elsewhere.
inline constexpr std::uint64_t kSeed = 9;
inline constexpr double kClearMargin = 5e-6;

/// As many steps as BAM_TEST_STEPS allows: an emulated GPU takes its time.
inline std::int64_t steps_under_test(std::int64_t steps) {
  const char* most = std::getenv("BAM_TEST_STEPS");
  return most == nullptr ? steps : std::min<std::int64_t>(steps, std::atoll(most));
}

/// Sequences [first, first + count) of a batch, for a group whose ranks have `group` sequences.
inline Batch part_of(Stream& stream, const Batch& whole, std::int64_t first, std::int64_t count,
                     std::vector<std::int64_t> group) {
  const auto rows = [&](const Tensor& tensor) {
    const Tensor out(stream, {count * kLength}, DType::kInt32);
    copy(stream, tensor.slice(first * kLength, (first + count) * kLength), out);
    return out;
  };
  Batch part{.sequences = count,
             .length = kLength,
             .tokens = rows(whole.tokens),
             .targets = rows(whole.targets),
             .document_starts = rows(whole.document_starts),
             .domains = std::vector<int>(static_cast<std::size_t>(count)),
             .rank_sequences = std::move(group),
             .rank_documents = {}};
  for (const std::int64_t sequences : part.rank_sequences) {
    part.rank_documents.push_back(whole.rank_documents[0] / whole.sequences * sequences);
  }
  std::vector<std::int32_t> starts = to_host<std::int32_t>(stream, part.document_starts);
  for (std::int32_t& start : starts) {
    start -= static_cast<std::int32_t>(first * kLength);
  }
  to_device(stream, starts, part.document_starts);
  return part;
}

/// What a router made of a rank's rows.
struct Routed {
  std::vector<float> probabilities;   // (rows, experts)
  std::vector<std::int32_t> choices;  // (rows, k)
  std::size_t experts;
  std::size_t k;
};

/// Smallest difference, over rows, between the last chosen gate and the best one not chosen.
inline double smallest_margin(const Routed& router) {
  double smallest = 1;
  for (std::size_t first = 0; first < router.probabilities.size(); first += router.experts) {
    const auto row = std::span(router.probabilities).subspan(first, router.experts);
    std::vector<float> sorted(row.begin(), row.end());
    std::ranges::sort(sorted, std::greater());
    const std::size_t last = router.k - 1;
    smallest = std::min<double>(smallest, sorted[last] - sorted[last + 1]);
  }
  return smallest;
}

/// What is trained, and where its experts are.
struct TrainingPlan {
  ModelConfig config;
  Placement placement;  // over an expert-parallel group
  std::int64_t sequences = 12;
  Precision precision = Precision::kFloat32;
  Overlap overlap = Overlap::kOn;
  bool ties = false;  // zero FFN routers: every token goes to expert 0
  double expert_capacity_factor = 0;
  bool cuda_graphs = false;
  DeviceKind device = kind_under_test();
};

/// Trains on the ranks of `ranks` (world() or alone()), on batches that do not depend on how many
/// there are.
class Training {
 public:
  Training(const TrainingPlan& plan, Communicator& ranks)
      : memory_(plan.device),
        sequences_(plan.sequences),
        precision_(plan.precision),
        layout_(layout_of(ranks, plan.placement.ranks)),
        placement_(plan.placement),
        trainer_(stream_, ranks, layout_, plan.config, placement_,
                 {.precision = plan.precision,
                  .optimizer = {},
                  .overlap = plan.overlap,
                  .slices_per_peer = 2,
                  .expert_capacity_factor = plan.expert_capacity_factor,
                  .cuda_graphs = plan.cuda_graphs}),
        state_bytes_(memory_.in_use()) {
    trainer_.draw_weights(kSeed);
    if (plan.ties) {
      clear_ffn_routers();
    }
  }

  StepReport step(std::int64_t number) {
    const Batch whole = whole_batch(number);
    return trainer_.step({.step = number,
                          .learning_rate = 1e-3,
                          .micro_steps = 1,
                          .scored_targets = SmallModel::scored(stream_, whole),
                          .rows = static_cast<double>(whole.rows()),
                          .batch = [&](std::int64_t) { return own_part(whole); }});
  }

  /// The routers that choose, layer by layer, on this rank's part of a step's batch.
  std::vector<Routed> route(std::int64_t number) {
    Saved saved;
    trainer_.model().forward(stream_, own_part(whole_batch(number)), Keep::kAll, saved);
    std::vector<Routed> routers;
    for (const std::optional<BlockSaved>& block : saved.blocks) {
      for (const RouterSaved& router : {block->ffn.router, block->attention.router}) {
        if (!router.choices.shape().empty()) {  // a rank may have no rows
          routers.push_back({to_host<float>(stream_, router.probabilities),
                             to_host<std::int32_t>(stream_, router.choices),
                             static_cast<std::size_t>(router.probabilities.cols()),
                             static_cast<std::size_t>(router.choices.cols())});
        }
      }
    }
    return routers;
  }

  std::int64_t first_row() const { return layout_.first_sequence(sequences_) * kLength; }
  std::vector<std::int64_t> group_sequences() const { return layout_.group_sequences(sequences_); }
  std::size_t bytes_sent() { return trainer_.exchange().bytes_sent(); }
  std::size_t state_bytes() const { return state_bytes_; }
  const Transformer& model() const { return trainer_.model(); }
  ParameterStore& store() { return trainer_.store(); }
  ShardedOptimizer& optimizer() { return trainer_.optimizer(); }
  const Placement& placement() const { return placement_; }
  Precision precision() const { return precision_; }
  Stream& stream() { return stream_; }

 private:
  Batch whole_batch(std::int64_t number) {
    return random_batch(stream_, trainer_.model().config(), sequences_, kLength,
                        static_cast<std::uint64_t>(number));
  }
  Batch own_part(const Batch& whole) {
    return part_of(stream_, whole, layout_.first_sequence(sequences_),
                   layout_.sequences(sequences_), layout_.group_sequences(sequences_));
  }
  void clear_ffn_routers() {
    for (Parameter& parameter : store().parameters()) {
      if (parameter.spec.role == Role::kFfnRouter) {
        fill_zero(stream_, parameter.value);
      }
    }
  }

  Memory memory_;
  Stream stream_{memory_};
  std::int64_t sequences_;
  Precision precision_;
  Layout& layout_;
  Placement placement_;
  Trainer trainer_;
  std::size_t state_bytes_;
};

}  // namespace bam::testing
