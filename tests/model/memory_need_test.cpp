#include "model/memory_need.h"

#include <gtest/gtest.h>

#include "tests/model/small_model.h"

namespace bam::testing {
namespace {

struct Case {
  const char* name;
  std::optional<MixtureConfig> mixture;
};

void PrintTo(const Case& each, std::ostream* out) { *out << each.name; }

std::vector<Case> cases() {
  using enum AttentionRouting;
  using enum KeyValue;
  const FfnMixture top2{.experts = 6, .top_k = 2};
  return {
      {"dense", std::nullopt},
      {"btx", MixtureConfig{.attention = std::nullopt, .ffn = top2}},
      {"expert_kv", MixtureConfig{.attention = AttentionMixture{.experts = 4}, .ffn = top2}},
      {"shared_kv", MixtureConfig{.attention = AttentionMixture{.experts = 4, .key_value = kShared},
                                  .ffn = top2}},
      {"uniform", MixtureConfig{.attention = AttentionMixture{.experts = 4, .routing = kUniform},
                                .ffn = top2}}};
}

class MemoryNeedOf : public ::testing::TestWithParam<std::tuple<Case, Precision>> {
 protected:
  static ModelConfig config() {
    ModelConfig config = small_dense();
    config.d_model = 128;
    config.ffn_hidden = 320;
    config.mixture = std::get<Case>(GetParam()).mixture;
    return config;
  }
  static Precision precision() { return std::get<Precision>(GetParam()); }
};

// Of the bytes that forward leaves behind, positions and document edges are not counted.
TEST_P(MemoryNeedOf, ActivationsIsWhatForwardLeavesBehind) {
  SmallModel small(config(), precision());
  const Batch batch = random_batch(small.stream, config(), 4, 128, 1);
  small.loss(batch);  // grows what is kept from step to step
  const std::size_t before = small.memory.in_use();
  Saved saved;
  small.model.forward(small.stream, batch, Keep::kAll, saved);
  const auto found = static_cast<double>(small.memory.in_use() - before);
  const MemoryNeed need = memory_need(config(), small.placement, 0,
                                      {.own = batch.rows(), .group = batch.rows()}, precision());
  EXPECT_NEAR(found / need.activations, 1, 0.01);
}

TEST_P(MemoryNeedOf, WeightsAndGradientsAreTheStores) {
  Memory memory;
  Stream stream(memory);
  const ParameterStore store(stream, config(), round_robin(config(), 1), 0, precision(),
                             ParameterStore::Gradients::kTrained);
  const MemoryNeed need = memory_need(config(), round_robin(config(), 1), 0, {}, precision());
  EXPECT_EQ(static_cast<double>(memory.in_use()), need.weights + need.gradients);
}

INSTANTIATE_TEST_SUITE_P(
    Models, MemoryNeedOf,
    ::testing::Combine(::testing::ValuesIn(cases()),
                       ::testing::Values(Precision::kFloat32, Precision::kBFloat16)),
    [](const auto& instance) {
      const bool is_fp32 = std::get<Precision>(instance.param) == Precision::kFloat32;
      return std::string(std::get<Case>(instance.param).name) + (is_fp32 ? "_fp32" : "_bf16");
    });

}  // namespace
}  // namespace bam::testing
