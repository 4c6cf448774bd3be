// What the planner predicts of memory, against what a training step takes.
#include <gtest/gtest.h>

#include <algorithm>

#include "io/checkpoint_state.h"
#include "io/checkpoint_writer.h"
#include "parallel/planner/cost/memory_model.h"
#include "parallel/trainer.h"
#include "tests/model/small_model.h"
#include "tests/parallel/ranks.h"
#include "tests/parallel/shared_folder.h"
#include "tests/runtime/tensors.h"

namespace bam::testing {
namespace {

constexpr std::int64_t kSequences = 8;

struct Case {
  const char* name;
  std::optional<MixtureConfig> mixture;
  double capacity_factor = 0;
};

std::vector<Case> cases() {
  const FfnMixture top1{.experts = 4};
  const FfnMixture top2{.experts = 6, .top_k = 2};
  using enum KeyValue;
  return {
      {"dense", std::nullopt},
      {"btx", MixtureConfig{.attention = std::nullopt, .ffn = top2}},
      {"btx_padded", MixtureConfig{.attention = std::nullopt, .ffn = top2}, 3},
      {"expert_kv", MixtureConfig{.attention = AttentionMixture{.experts = 4}, .ffn = top1}},
      {"shared_kv", MixtureConfig{.attention = AttentionMixture{.experts = 4, .key_value = kShared},
                                  .ffn = top1}}};
}

class MemoryPredictionOf : public ::testing::TestWithParam<std::tuple<Case, Precision, Keep>> {
 protected:
  static RunShape whole() {
    return {.model = {.vocabulary = 4096,
                      .d_model = 128,
                      .n_layers = 4,
                      .n_heads = 4,
                      .n_kv_heads = 4,
                      .ffn_hidden = 352,
                      .init_std = 0.02,
                      .mixture = std::get<Case>(GetParam()).mixture},
            .precision = std::get<Precision>(GetParam()),
            .sequences = kSequences,
            .length = 128,
            .capacity_factor = std::get<Case>(GetParam()).capacity_factor,
            .device = kind_under_test()};
  }
  /// What steps are computed of. An emulated GPU takes its time: less of everything there, and
  /// least of what is no attention, which GPUs compute another way.
  static RunShape run() {
    RunShape shape = whole();
    if (kind_under_test() == DeviceKind::kCuda) {
      shape.length = 64;
      shape.model.vocabulary = 256;
      shape.model.d_model = 32;
      shape.model.n_layers = 2;
      shape.model.n_heads = shape.model.n_kv_heads = 2;
      shape.model.ffn_hidden = 48;
    }
    return shape;
  }
  static Keep keep() { return std::get<Keep>(GetParam()); }

  /// Most bytes of tensors in a step, on the fullest rank.
  static double measured(int expert_parallel) {
    Memory memory(kind_under_test());
    Stream stream(memory);
    Layout& layout = layout_of(world(), expert_parallel);
    const ModelConfig config = run().model;
    TrainerOptions options;
    options.precision = run().precision;
    options.keep = keep();
    options.expert_capacity_factor = run().capacity_factor;
    Trainer trainer(stream, world(), layout, config, round_robin(config, layout.expert_parallel()),
                    options);
    trainer.draw_weights(1);
    Batch batch = random_batch(stream, config, layout.sequences(kSequences), run().length,
                               static_cast<std::uint64_t>(world().rank()));
    batch.rank_sequences = layout.group_sequences(kSequences);
    batch.rank_documents.clear();
    const auto step = [&](std::int64_t number) {
      trainer.step({.step = number,
                    .learning_rate = 1e-4,
                    .scored_targets = run().tokens(),
                    .rows = run().tokens(),
                    .batch = [&](std::int64_t) { return batch; }});
    };
    step(1);
    memory.reset_peak();
    step(2);
    return largest(stream, static_cast<double>(memory.peak()));
  }

  /// Bytes that a writer of checkpoints takes for copies, on the fullest rank.
  static double staged(int expert_parallel) {
    Memory memory(kind_under_test());
    Stream stream(memory);
    Layout& layout = layout_of(world(), expert_parallel);
    const ModelConfig config = whole().model;
    Trainer trainer(stream, world(), layout, config, round_robin(config, layout.expert_parallel()),
                    {.precision = whole().precision, .optimizer = {}});
    CommunicatorPeers peers(stream, world());
    const SharedFolder folder(peers);
    const auto all = [](StateKind, const ParameterSpec&) { return true; };
    const CheckpointWriter writer(peers, {folder.path() / "run", trainer.store().specs(), all, {}},
                                  owned_tiles(trainer.optimizer()), &stream);
    return largest(stream, static_cast<double>(writer.staging_bytes()));
  }

  static double largest(Stream& stream, double value) {
    std::vector<double> all(static_cast<std::size_t>(world().size()));
    world()
        .all_gather(stream, std::as_bytes(std::span(&value, 1)),
                    std::as_writable_bytes(std::span(all)))
        .wait(stream);
    return *std::ranges::max_element(all);
  }

  static void expect_near(int expert_parallel, double tolerance) {
    const RunShape shape = run();
    const RunLayout layout{.ranks = world().size(),
                           .expert_parallel = expert_parallel,
                           .recompute = keep() == Keep::kInputsOnly};
    const MemoryPrediction memory = predict_memory(shape, ModelSizes(shape.model), layout,
                                                   even_holdings(shape.model, expert_parallel));
    const double found = measured(expert_parallel);
    EXPECT_NEAR(memory.total() / found, 1, tolerance)
        << "found " << found << "; predicted weights " << memory.weights << ", gradients "
        << memory.gradients << ", optimizer " << memory.optimizer << ", activations "
        << memory.activations << ", exchange " << memory.exchange << ", staging " << memory.staging;
  }
};

// What a writer takes rounds each tensor up to the blocks of a disk.
TEST_P(MemoryPredictionOf, WhatCheckpointsAreWrittenFromIsWithinTwoPercent) {
  for (const int expert_parallel : {1, world().size()}) {
    RunShape shape = whole();
    shape.snapshots = Snapshots::kInBackground;
    const RunLayout layout{.ranks = world().size(), .expert_parallel = expert_parallel};
    const MemoryPrediction memory = predict_memory(shape, ModelSizes(shape.model), layout,
                                                   even_holdings(shape.model, expert_parallel));
    EXPECT_NEAR(memory.snapshot / staged(expert_parallel), 1, 0.02);
  }
}

TEST_P(MemoryPredictionOf, AStepIsWithinFivePercent) { expect_near(world().size(), 0.05); }

// How many of the copies' gradients are on their way at once depends on timing.
TEST_P(MemoryPredictionOf, ADataParallelStepIsWithinEightPercent) { expect_near(1, 0.08); }

INSTANTIATE_TEST_SUITE_P(Models, MemoryPredictionOf,
                         ::testing::Combine(::testing::ValuesIn(cases()),
                                            ::testing::Values(Precision::kFloat32,
                                                              Precision::kBFloat16),
                                            ::testing::Values(Keep::kAll, Keep::kInputsOnly)),
                         [](const auto& instance) {
                           const bool is_fp32 =
                               std::get<Precision>(instance.param) == Precision::kFloat32;
                           const bool is_kept = std::get<Keep>(instance.param) == Keep::kAll;
                           return std::string(std::get<Case>(instance.param).name) +
                                  (is_fp32 ? "_fp32" : "_bf16") + (is_kept ? "" : "_recomputed");
                         });

}  // namespace
}  // namespace bam::testing
