#include "io/plan_file.h"

#include <gtest/gtest.h>

#include "io/placement_file.h"
#include "io/text_file.h"
#include "io/text_proto.h"
#include "parallel/planner/verify/verifier.h"
#include "tests/io/temporary_folder.h"
#include "tests/planner/made_loads.h"

namespace bam {
namespace {

/// Two layers of 3 attention and 12 FFN experts on unequal ranks, free shares, two windows.
ModelPlan made_plan() {
  PlanTerms terms{.ranks = equal_ranks(5, 20),
                  .slots = 20,
                  .shares = SharePolicy::kFree,
                  .costs = {.attention = 0.7}};
  terms.ranks[2].speed = 0.5;
  terms.ranks[3].slots = 6;
  const std::vector<double> attention = {300, 300, 300};
  return plan_model(terms, {{{attention, first_layer()}, {attention, second_layer()}},
                            {{attention, second_layer()}, {attention, first_layer()}}});
}

void expect_same(const ModelPlan& a, const ModelPlan& b) {
  EXPECT_EQ(text_of(message_of_plan(a)), text_of(message_of_plan(b)));
}

TEST(PlanFile, ComesBackAsItWasToTheLastBit) {
  const TemporaryFolder folder;
  const ModelPlan plan = made_plan();
  write_file(folder / "plan", text_with_short_lists(message_of_plan(plan)));
  const ModelPlan read = read_plan(folder / "plan");
  expect_same(read, plan);
  for (std::size_t layer = 0; layer < plan.layers.size(); ++layer) {
    EXPECT_EQ(read.layers[layer].certificate.worst, plan.layers[layer].certificate.worst);
    EXPECT_TRUE(verify(read.layers[layer], joint_problem(read.terms, read.loads[layer])).holds());
  }
  EXPECT_EQ(read.terms.ranks[2].speed, 0.5);
  EXPECT_EQ(read.terms.ranks[3].slots, 6);
}

TEST(PlanFile, SameInputAndSeedGiveTheSameBytes) {
  EXPECT_EQ(text_of(message_of_plan(made_plan())), text_of(message_of_plan(made_plan())));
}

class PlanFileRefuses : public ::testing::Test {
 protected:
  void expect_refused(const std::string& part) const {
    try {
      plan_of_message(message_, "the plan");
      ADD_FAILURE() << part << ": was read";
    } catch (const BadInput& error) {
      EXPECT_NE(std::string(error.what()).find("the plan: " + part), std::string::npos)
          << error.what();
    }
  }

  proto::Placement message_ = message_of_plan(made_plan());
  proto::LayerPlacement& layer_ = *message_.mutable_layers(1);
};

TEST_F(PlanFileRefuses, APlacementWithoutTerms) {
  message_.clear_terms();
  expect_refused("terms: missing");
}

TEST_F(PlanFileRefuses, RanksThatAreNone) {
  layer_.set_ffn(3, 5);
  expect_refused("layers[1].ffn[3]: 5");
  message_.set_ranks(0);
  expect_refused("ranks: 0");
}

TEST_F(PlanFileRefuses, ReplicasThatContradictThePlacement) {
  ASSERT_GT(layer_.ffn_replicas_size(), 0);
  proto::Replicas& replicas = *layer_.mutable_ffn_replicas(0);
  replicas.set_ranks(0, (replicas.ranks(0) + 1) % 5);
  expect_refused("layers[1].ffn_replicas[0].ranks[0]");
  replicas.set_expert(12);
  expect_refused("layers[1].ffn_replicas[0].expert: 12");
  replicas.set_expert(0);
  replicas.clear_ranks();
  expect_refused("layers[1].ffn_replicas[0].ranks: 0");
}

TEST_F(PlanFileRefuses, SharesThatAreNone) {
  proto::Replicas& replicas = *layer_.mutable_ffn_replicas(0);
  replicas.clear_shares();
  replicas.add_shares(0.5);
  expect_refused("layers[1].ffn_replicas[0].shares: 1");
}

TEST_F(PlanFileRefuses, LoadsOfOtherExperts) {
  layer_.mutable_loads(1)->mutable_ffn()->RemoveLast();
  expect_refused("layers[1].loads[1]");
  layer_.clear_loads();
  expect_refused("layers[1].loads: none");
}

TEST_F(PlanFileRefuses, TermsThatAreNone) {
  proto::PlanTerms& terms = *message_.mutable_terms();
  terms.set_speeds(0, 0);
  expect_refused("terms.speeds[0]: 0");
  terms.clear_speeds();
  terms.set_rank_slots(1, 0);
  expect_refused("terms.rank_slots[1]: 0");
}

/// 2 layers of 2 attention and 12 FFN experts.
ModelConfig model_config() {
  return {.vocabulary = 16,
          .d_model = 8,
          .n_layers = 2,
          .n_heads = 2,
          .n_kv_heads = 2,
          .ffn_hidden = 8,
          .mixture =
              MixtureConfig{.attention = AttentionMixture{.experts = 2}, .ffn = {.experts = 12}}};
}

ModelPlan plan_of_slots(int slots) {
  const LoadWindow window{{100, 100}, first_layer()};
  return plan_model({.ranks = equal_ranks(4, slots), .slots = slots}, {{window}, {window}});
}

TEST(PlanFile, IsAPlacementThatTrainingReads) {
  const TemporaryFolder folder;
  const ModelPlan plan = plan_of_slots(14);
  write_file(folder / "plan", text_with_short_lists(message_of_plan(plan)));
  const Placement placement = read_placement(folder / "plan", model_config(), 4);
  for (std::size_t e = 0; e < 12; ++e) {
    EXPECT_EQ(placement.layers[1].ffn[e], plan.layers[1].experts[2 + e]);
  }
}

TEST(PlanFile, MayHaveReplicasInTrainingToo) {
  const TemporaryFolder folder;
  const ModelPlan plan = plan_of_slots(16);
  write_file(folder / "plan", text_with_short_lists(message_of_plan(plan)));
  const Placement placement = read_placement(folder / "plan", model_config(), 4);
  for (std::size_t e = 0; e < 12; ++e) {
    EXPECT_EQ(placement.layers[0].ffn[e], plan.layers[0].experts[2 + e]);
  }
}

}  // namespace
}  // namespace bam
