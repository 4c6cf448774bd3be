// Attention and FFN experts of a layer as one problem.
#include "parallel/planner/model_plan.h"

#include <gtest/gtest.h>

#include "runtime/check.h"
#include "tests/planner/made_loads.h"
#include "tests/planner/reference.h"

namespace bam {
namespace {

PlanTerms terms_of(int ranks, int slots) {
  return {.ranks = equal_ranks(ranks, slots), .slots = slots};
}

TEST(ModelPlan, LoadsOfBothKindsAddUpOnARank) {
  PlanTerms terms = terms_of(2, 4);
  terms.costs = {.attention = 2, .ffn = 1};
  // Attention experts weigh 20 each: 20 + 5 and 20 + 7, where all load over all ranks would be 26.
  const ModelPlan plan = plan_model(terms, {{{{10, 10}, {5, 7}}}});
  EXPECT_EQ(plan.attention_experts(), 2);
  EXPECT_EQ(plan.experts(), 4);
  EXPECT_EQ(plan.layers[0].certificate.worst, 27);
  EXPECT_EQ(plan.layers[0].certificate.bound, 27);
}

TEST(ModelPlan, AColdAttentionExpertMakesUpForAHotFfnExpert) {
  // Each kind balanced by itself, both hot experts may meet: 90 + 70. Together: 90 + 20 and 30
  // + 70.
  const ModelPlan plan = plan_model(terms_of(2, 4), {{{{90, 30}, {20, 70}}}});
  EXPECT_EQ(plan.layers[0].certificate.worst, 110);
  const auto rank_of = [&](std::size_t expert) {
    return plan.layers[0].experts[expert].front().rank;
  };
  EXPECT_EQ(rank_of(0), rank_of(2));
  EXPECT_EQ(rank_of(1), rank_of(3));
}

TEST(ModelPlan, EveryLayerHoldsAndIsBound) {
  Draw draw(7);
  PlanTerms terms = terms_of(5, 17);
  terms.costs.attention = 0.8;
  std::vector<LayerLoads> loads;
  for (int layer = 0; layer < 20; ++layer) {
    LayerLoads windows;
    for (int window = 0; window < 1 + layer % 3; ++window) {
      windows.push_back({draw.lognormal(4, 0.1), draw.lognormal(8, 1)});
    }
    loads.push_back(windows);
  }
  const ModelPlan plan = plan_model(terms, loads);
  for (std::size_t layer = 0; layer < loads.size(); ++layer) {
    EXPECT_EQ(faults_of(plan.layers[layer], joint_problem(terms, loads[layer])), "") << layer;
    EXPECT_LE(
        plan.layers[layer].certificate.worst,
        worst_time(dealt_round_robin(terms, loads[layer]), joint_problem(terms, loads[layer])))
        << layer;
  }
}

// The heaviest first, each to the rank with the least, comes to 7.
TEST(ModelPlan, IsNoSlowerThanRoundRobin) {
  PlanTerms terms = terms_of(2, 5);
  const std::vector<LayerLoads> loads = {{{{}, {2, 3, 2, 3, 2}}}};
  const PlaceEffort none{.search_steps = 0, .proof_steps = 0};
  EXPECT_EQ(plan_model(terms, loads, none).layers[0].certificate.worst, 6);
  const LayerPlan dealt = dealt_round_robin(terms, loads[0]);
  ModelPlan swapped{terms, loads, {dealt}};
  std::swap(swapped.layers[0].experts[2], swapped.layers[0].experts[1]);
  EXPECT_EQ(replan_model(swapped, terms, loads, 2).layers[0].certificate.worst, 6);
  EXPECT_EQ(replan_model(swapped, terms, loads, 1).layers[0].certificate.binding, Binding::kMoves);
  terms.ranks[0].slots = 2;
  EXPECT_FALSE(is_allowed(dealt, joint_problem(terms, loads[0])));
  EXPECT_GT(plan_model(terms, loads, none).layers[0].certificate.worst, 6);
}

TEST(ModelPlan, GroupsAreOnOneNode) {
  PlanTerms terms = terms_of(4, 4);
  const LayerLoads loads = {{{}, {1, 2, 3, 4}}};
  const LayerPlan dealt = dealt_round_robin(terms, loads);
  terms.nodes = 2;
  EXPECT_TRUE(is_allowed(dealt, joint_problem(terms, loads)));
  terms.group = 2;
  EXPECT_TRUE(is_allowed(dealt, joint_problem(terms, loads)));
  terms.group = 4;
  EXPECT_FALSE(is_allowed(dealt, joint_problem(terms, loads)));
}

TEST(ModelPlan, NamesTheLayerThatCannotBePlaced) {
  try {
    plan_model(terms_of(2, 4), {{{{}, {1, 2}}}, {{{}, {0, 0}}}});
    ADD_FAILURE() << "was placed";
  } catch (const BadInput& error) {
    EXPECT_NE(std::string(error.what()).find("layer 1: loads: all are 0"), std::string::npos)
        << error.what();
  }
}

TEST(ModelPlan, ReplanningMovesNoMoreThanAllowed) {
  Draw draw(3);
  const PlanTerms terms = terms_of(8, 40);
  const LayerLoads before = {{draw.lognormal(4, 0.2), draw.lognormal(28, 1)}};
  const LayerLoads after = {{draw.lognormal(4, 0.2), draw.lognormal(28, 1)}};
  const ModelPlan plan = plan_model(terms, {before});
  const ModelPlan replanned = replan_model(plan, terms, {after}, 3);
  EXPECT_LE(moved_replicas(plan.layers[0], replanned.layers[0]), 3);
  EXPECT_LT(replanned.layers[0].certificate.worst,
            worst_time(plan.layers[0], joint_problem(terms, after)));
  EXPECT_THROW(replan_model(plan, terms, {after, after}, 3), BadInput);
}

TEST(ModelPlan, RanksNeedNotDivideExperts) {
  const ModelPlan plan = plan_model(terms_of(3, 8), {{{{10, 10, 10, 10}, {10, 10, 10, 10}}}});
  EXPECT_EQ(plan.layers[0].certificate.worst, 30);
  EXPECT_EQ(plan.layers[0].certificate.bound, 30);
}

}  // namespace
}  // namespace bam
