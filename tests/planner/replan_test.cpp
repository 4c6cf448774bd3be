#include "parallel/planner/replan.h"

#include <gtest/gtest.h>

#include "parallel/planner/verify/verifier.h"

namespace bam {
namespace {

Placement on_two_ranks(std::vector<Replicas> attention, std::vector<Replicas> ffn) {
  return {.ranks = 2, .layers = {{.attention = std::move(attention), .ffn = std::move(ffn)}}};
}

TEST(Replan, LeavesAPlacementAloneThatIsBalanced) {
  const Placement current = on_two_ranks(single_copies({0, 1}), single_copies({0, 1}));
  const Replan found = replan(current, {{.attention = {10, 10}, .ffn = {5, 5}}}, {});
  EXPECT_EQ(found.placement, current);
  EXPECT_EQ(found.gain(), 0);
  EXPECT_EQ(found.copies_sent, 0);
}

// Two slots a rank: the second expert changes places with one of the other rank's.
TEST(Replan, WithoutMoreSlotsMovesWhatItCan) {
  const Placement current = on_two_ranks({}, single_copies({0, 0, 1, 1}));
  const Replan found = replan(current, {{.attention = {}, .ffn = {6, 4, 1, 1}}}, {.moves = 2});
  EXPECT_EQ(found.time_before, 10);
  EXPECT_EQ(found.time_after, 7);
  EXPECT_EQ(found.copies_sent, 2);
  EXPECT_EQ(experts_on(found.placement.layers[0].ffn, 0).size(), 2U);
}

TEST(Replan, ReplicatesAHotExpertWhereThereIsMemory) {
  const Placement current = on_two_ranks(single_copies({0, 1}), single_copies({0, 1}));
  const Replan found =
      replan(current, {{.attention = {2, 2}, .ffn = {16, 0}}}, {.slots_per_rank = 3, .moves = 1});
  EXPECT_EQ(found.placement.layers[0].ffn[0], (Replicas{{0, 0.5}, {1, 0.5}}));
  EXPECT_EQ(found.placement.layers[0].attention, current.layers[0].attention);
  EXPECT_EQ(found.time_before, 18);
  EXPECT_EQ(found.time_after, 10);
  EXPECT_EQ(found.copies_sent, 1);
}

TEST(Replan, CountsAttentionByItsCost) {
  const Placement current = on_two_ranks(single_copies({0, 0}), single_copies({1, 1}));
  const Replan balanced =
      replan(current, {{.attention = {4, 4}, .ffn = {8, 8}}}, {.attention_cost = 2});
  EXPECT_EQ(balanced.gain(), 0);
  const Replan dear =
      replan(current, {{.attention = {4, 4}, .ffn = {8, 8}}}, {.attention_cost = 4});
  EXPECT_EQ(dear.time_before, 32);
  EXPECT_EQ(dear.time_after, 24);
}

// Layers that differ in copies and shares, one of which changes.
TEST(Replan, MakesAPlanWhoseCertificatesHold) {
  Placement current = on_two_ranks(single_copies({0, 1}), single_copies({0, 0, 0, 1}));
  current.layers.push_back(current.layers[0]);
  current.layers[1].ffn = {{{0, 0.25}, {1, 0.75}}, {{0, 1}}, {{1, 1}}, {{1, 1}}};
  const std::vector<LayerTokens> tokens = {{.attention = {10, 10}, .ffn = {8, 6, 4, 2}},
                                           {.attention = {10, 10}, .ffn = {8, 6, 4, 2}}};
  for (const int slots : {0, 4}) {
    const Replan found = replan(current, tokens, {.slots_per_rank = slots, .moves = 1});
    const ModelPlan plan =
        certified_plan(found, current, tokens, {.slots_per_rank = slots, .moves = 1});
    ASSERT_EQ(plan.layers.size(), 2U);
    EXPECT_LT(found.time_after, found.time_before);
    double worst = 0;
    for (std::size_t l = 0; l < 2; ++l) {
      const LayerPlan& layer = plan.layers[l];
      const PlacementProblem problem = joint_problem(plan.terms, plan.loads[l]);
      EXPECT_EQ(verify(layer, problem).faults, std::vector<std::string>()) << l;
      EXPECT_EQ((std::vector<Replicas>{layer.experts.begin() + 2, layer.experts.end()}),
                found.placement.layers[l].ffn);
      worst += layer.certificate.worst;
    }
    EXPECT_DOUBLE_EQ(worst, found.time_after);
  }
}

TEST(Replan, ItsPlanSaysWhereTheLimitOnMovesBinds) {
  const Placement current = on_two_ranks({}, single_copies({0, 0, 1, 1}));
  const std::vector<LayerTokens> tokens = {{.attention = {}, .ffn = {6, 4, 1, 1}}};
  for (const int moves : {1, 2}) {
    const ReplanTerms terms{.moves = moves};
    const Replan found = replan(current, tokens, terms);
    EXPECT_EQ(found.placement == current, moves == 1);
    const Certificate certificate =
        certified_plan(found, current, tokens, terms).layers[0].certificate;
    EXPECT_EQ(certificate.binding == Binding::kMoves, moves == 1);
    EXPECT_EQ(certificate.worst, moves == 1 ? 10 : 7);
  }
}

TEST(Replan, ChangesOnlyTheLayersThatGain) {
  Placement current = on_two_ranks({}, single_copies({0, 0, 1, 1}));
  current.layers.push_back(current.layers[0]);
  const Replan found =
      replan(current,
             {{.attention = {}, .ffn = {1, 1, 1, 1}}, {.attention = {}, .ffn = {6, 4, 1, 1}}}, {});
  EXPECT_EQ(found.placement.layers[0], current.layers[0]);
  EXPECT_NE(found.placement.layers[1], current.layers[1]);
}

}  // namespace
}  // namespace bam
