// Which attention experts are computed as one, and that their weights are one matrix.
#include "model/expert_runs.h"

#include <gtest/gtest.h>

#include "model/weight_stack.h"
#include "runtime/check.h"
#include "tests/model/small_model.h"

namespace bam::testing {
namespace {

using Runs = std::vector<std::pair<std::size_t, std::vector<int>>>;

Runs found(const std::vector<int>& experts, const std::vector<int>& held, std::int64_t most) {
  Runs runs;
  for (const ExpertRun& run : runs_of(experts, held, most)) {
    runs.emplace_back(run.first, run.experts);
  }
  return runs;
}

TEST(ExpertRuns, AreExpertsThatFollowEachOtherAmongThoseHeld) {
  EXPECT_EQ(found({1, 4, 6}, {1, 4, 6}, 9), (Runs{{0, {1, 4, 6}}}));
  EXPECT_EQ(found({1, 6, 7}, {1, 4, 6, 7}, 9), (Runs{{0, {1}}, {2, {6, 7}}}));
  EXPECT_EQ(found({4}, {1, 4, 6}, 9), (Runs{{1, {4}}}));
  EXPECT_EQ(found({}, {1, 4}, 9), Runs());
}

TEST(ExpertRuns, HaveNoMoreExpertsThanMayBe) {
  EXPECT_EQ(found({0, 1, 2, 3, 4}, {0, 1, 2, 3, 4}, 2), (Runs{{0, {0, 1}}, {2, {2, 3}}, {4, {4}}}));
  EXPECT_EQ(found({0, 1}, {0, 1}, 1), (Runs{{0, {0}}, {1, {1}}}));
}

TEST(ExpertRuns, RefuseAnExpertThatIsNotHeld) { EXPECT_THROW(found({0, 2}, {0, 1}, 2), Error); }

// A rank that holds experts 1 and 3 of 4: expert e is on rank e mod 2.
TEST(AttentionExpertsWeights, LieOneBelowTheOther) {
  Memory memory;
  Stream stream(memory);
  const ModelConfig config = small_mixture(AttentionMixture{.experts = 4}, {.experts = 4});
  const ParameterStore store(stream, config, round_robin(config, 2), 1, Precision::kBFloat16,
                             ParameterStore::Gradients::kTrained);
  for (const std::string role : {"q", "k", "v", "o"}) {
    const Parameter& first = store.at("layers.1.attention." + role + "[1]");
    const Parameter& last = store.at("layers.1.attention." + role + "[3]");
    const WeightStack both({&first, &last});
    EXPECT_EQ(both.value().rows(), first.value.rows() + last.value.rows());
    EXPECT_EQ(both.value().slice(0, first.value.rows()).raw(), first.value.raw());
    EXPECT_EQ(both.value().slice(first.value.rows(), both.value().rows()).raw(), last.value.raw());
    EXPECT_EQ(both.gradient().slice(first.value.rows(), both.value().rows()).raw(),
              last.gradient.raw());
  }
}

}  // namespace
}  // namespace bam::testing
