// Prices of a step: rates, traffic, layouts. Memory is held against training in tests/parallel/.
#include <gtest/gtest.h>

#include <cmath>

#include "model/flops.h"
#include "parallel/planner/cost/layouts.h"
#include "parallel/planner/cost/plan_cost.h"
#include "runtime/check.h"
#include "tests/planner/made_loads.h"

namespace bam {
namespace {

/// Two nodes of four ranks; every product at one rate.
Cluster made_cluster() {
  Cluster cluster{.name = "made", .nodes = 2, .ranks_per_node = 4, .memory = 1e12, .links = {}};
  cluster.links[0] = {.bandwidth = 100e9, .latency = 0, .all_to_all = {}, .gather = {}};
  cluster.links[1] = {.bandwidth = 10e9, .latency = 0, .all_to_all = {}, .gather = {}};
  cluster.fp32.peak = 1e12;
  cluster.bf16.peak = 2e12;
  cluster.rows = {1e30, 1e30, 1e30, 1e30};  // nothing but products counts
  return cluster;
}

RunShape made_run(std::optional<MixtureConfig> mixture) {
  return {.model = {.vocabulary = 512,
                    .d_model = 64,
                    .n_layers = 3,
                    .n_heads = 4,
                    .n_kv_heads = 2,
                    .ffn_hidden = 96,
                    .mixture = std::move(mixture)},
          .precision = Precision::kFloat32,
          .sequences = 64,
          .length = 32};
}

MixtureConfig bam_mixture(int experts = 8) {
  return {.attention = AttentionMixture{.experts = experts}, .ffn = {.experts = experts}};
}

StepPrediction predicted(const RunShape& run, const RunLayout& layout, const Cluster& cluster) {
  return predict_step(run, ModelSizes(run.model), layout, cluster,
                      even_holdings(run.model, layout.expert_parallel));
}

TEST(RateGrid, MeetsItsPointsAndLiesBetweenThem) {
  std::vector<ProductPoint> points;
  for (const double m : {10, 1000}) {
    for (const double k : {16, 64}) {
      points.push_back({{m, k, 8}, m * k});
    }
  }
  const RateGrid grid(points);
  EXPECT_NEAR(grid.rate({10, 64, 8}), 640, 1e-9);
  EXPECT_NEAR(grid.rate({100, 16, 8}), 1600, 1e-9);  // halfway in logarithms
  EXPECT_NEAR(grid.rate({100, 32, 8}), 3200, 1e-9);
  EXPECT_NEAR(grid.rate({1, 1, 1}), 160, 1e-9);  // the nearest
  EXPECT_NEAR(grid.rate({1e6, 1e6, 1e6}), 64000, 1e-6);
  points.pop_back();
  EXPECT_THROW(RateGrid{points}, BadInput);
  points.push_back(points.front());
  EXPECT_THROW(RateGrid{points}, BadInput);
}

TEST(ClusterLinks, TakeLatencyAndBytesOrTheCurve) {
  Link link{.bandwidth = 1e9, .latency = 1e-3, .all_to_all = {}, .gather = {}};
  EXPECT_DOUBLE_EQ(link.seconds(1e6, 2), 3e-3);
  EXPECT_EQ(link.seconds(0, 0), 0);
  link.all_to_all = {{1e3, 1e-3}, {1e5, 1e-2}};
  EXPECT_NEAR(link.seconds(1e4, 0), std::sqrt(1e-5), 1e-9);
  EXPECT_NEAR(link.seconds(1e6, 0), 0.1, 1e-9);  // as fast a byte as the largest
  EXPECT_THROW(Link().seconds(1, 1), BadInput);
}

// At one rate for everything, a lone rank's products take what the operation count says.
TEST(StepPrediction, CountsTheOperationsThatTrainingCounts) {
  Cluster cluster = made_cluster();
  cluster.nodes = cluster.ranks_per_node = 1;
  for (const auto& mixture : {std::optional<MixtureConfig>(), std::optional(bam_mixture())}) {
    const RunShape run = made_run(mixture);
    const StepPrediction step = predicted(run, {.ranks = 1}, cluster);
    const double flops = training_flops(run.model, 64, 32);
    EXPECT_NEAR(step.seconds() * cluster.fp32.peak / flops, 1, 1e-12);
    EXPECT_EQ(step.exposed, 0);
  }
}

TEST(StepPrediction, MicroStepsAndRecomputationCostWhatTheyDo) {
  const Cluster cluster = made_cluster();
  const RunShape run = made_run(bam_mixture());
  const StepPrediction one = predicted(run, {.ranks = 8, .expert_parallel = 4}, cluster);
  const StepPrediction two =
      predicted(run, {.ranks = 8, .expert_parallel = 4, .micro_steps = 2}, cluster);
  EXPECT_NEAR(two.forward.total() / one.forward.total(), 1, 1e-12);  // the same work
  EXPECT_GT(two.traffic.total(), one.traffic.total());               // statistics twice
  const StepPrediction again =
      predicted(run, {.ranks = 8, .expert_parallel = 4, .recompute = true}, cluster);
  EXPECT_GT(again.backward.total(), one.backward.total());
  EXPECT_LT(again.backward.total(), one.backward.total() + one.forward.total());
  EXPECT_EQ(again.forward.total(), one.forward.total());
}

// docs: attention (R - 1) n d out and as much back, FFN 2 k n d (R - 1) / R.
TEST(Traffic, OfALayerIsTheFormulas) {
  const Cluster cluster = made_cluster();
  const RunShape run = made_run(bam_mixture());
  const RunLayout layout{.ranks = 8, .expert_parallel = 4};
  const Traffic traffic = layer_traffic(run, layout, cluster, even_holdings(run.model, 4).front());
  const double row_bytes = 64 * 4;
  const double n = 64.0 / 8 * 32;
  const double attention = 3 * n * (2 * row_bytes + 8 * 4);
  const double ffn = 2 * n * row_bytes * 3 / 4;
  EXPECT_DOUBLE_EQ(traffic.bytes[0], attention + ffn);
  EXPECT_EQ(traffic.bytes[1], 0);
  const RunLayout wide{.ranks = 8, .expert_parallel = 8};
  const Traffic across = layer_traffic(run, wide, cluster, even_holdings(run.model, 8).front());
  EXPECT_NEAR(across.bytes[1] / across.bytes[0], 4.0 / 3, 1e-12);  // four peers away, three near
}

// Rank 0 does seven parts in ten: it gets that of what others have chosen, and sends the answers.
TEST(Traffic, OfUnevenLoadsIsTheBusiestRanks) {
  const Cluster cluster = made_cluster();
  RunShape run = made_run(MixtureConfig{.attention = std::nullopt, .ffn = {.experts = 4}});
  LayerHoldings layer(4);
  for (std::size_t rank = 0; rank < 4; ++rank) {
    layer[rank].ffn_shares = {rank == 0 ? 0.7 : 0.1};
  }
  const double rows = 64.0 / 8 * 32 * 64 * 4;  // bytes that one rank has chosen
  const RunLayout near{.ranks = 8, .expert_parallel = 4};
  EXPECT_NEAR(layer_traffic(run, near, cluster, layer).bytes[0], rows * (0.3 + 3 * 0.7), 1e-6);
  // Two nodes of two: the peer on the node, and the two elsewhere.
  Cluster halves = cluster;
  halves.nodes = 4;
  halves.ranks_per_node = 2;
  const Traffic across = layer_traffic(run, near, halves, layer);
  EXPECT_NEAR(across.bytes[0], rows * (0.1 + 0.7), 1e-6);
  EXPECT_NEAR(across.bytes[1], rows * (0.2 + 2 * 0.7), 1e-6);
}

TEST(Layouts, ArePricedUnderTheLoadsThereAre) {
  const RunShape run = made_run(MixtureConfig{.attention = std::nullopt, .ffn = {.experts = 4}});
  const Cluster cluster = made_cluster();
  std::vector<int> asked;
  const auto lopsided = [&](int expert_parallel) {
    asked.push_back(expert_parallel);
    auto layers = even_holdings(run.model, expert_parallel);
    layers[0][0].ffn_shares.front() = 0.9;
    return layers;
  };
  const auto even = ranked_layouts(run, cluster);
  const auto uneven = ranked_layouts(run, cluster, lopsided);
  EXPECT_EQ(asked, (std::vector<int>{1, 2, 4}));
  EXPECT_GT(uneven.front().step.seconds(), even.front().step.seconds());
}

TEST(Memory, OfCheckpointsWrittenMeanwhileIsOneMoreStateOfEachWeight) {
  RunShape run = made_run(bam_mixture());
  const ModelSizes sizes(run.model);
  const RunLayout layout{.ranks = 4, .expert_parallel = 4};
  const auto layers = even_holdings(run.model, 4);
  const MemoryPrediction without = predict_memory(run, sizes, layout, layers);
  EXPECT_EQ(without.snapshot, 0);
  run.snapshots = Snapshots::kInBackground;
  const MemoryPrediction with = predict_memory(run, sizes, layout, layers);
  EXPECT_NEAR(with.snapshot, with.optimizer * 3 / 2, 1e-6);  // fp32: moments alone, and weights too
  EXPECT_NEAR(with.total() - with.snapshot, without.total(), 1e-6);
}

TEST(Layouts, AreThoseTrainingCanRun) {
  const RunShape run = made_run(bam_mixture());
  const Cluster cluster = made_cluster();
  const std::vector<RunLayout> layouts = possible_layouts(run, cluster);
  EXPECT_GT(layouts.size(), 20U);
  for (const RunLayout& layout : layouts) {
    EXPECT_EQ(layout.ranks % layout.expert_parallel, 0);
    EXPECT_LE(layout.expert_parallel, 8);
    EXPECT_EQ(64 % layout.micro_steps, 0);
    EXPECT_GE(64 / layout.micro_steps, 8);
  }
  for (const RunLayout& layout : possible_layouts(made_run(std::nullopt), cluster)) {
    EXPECT_EQ(layout.expert_parallel, 1);
  }
}

TEST(Layouts, AreRankedByTimeAmongThoseThatFit) {
  const RunShape run = made_run(bam_mixture());
  Cluster cluster = made_cluster();
  const double most = ranked_layouts(run, cluster).back().memory.total();
  const double least =
      predict_memory(run, ModelSizes(run.model),
                     {.ranks = 8, .expert_parallel = 8, .micro_steps = 8, .recompute = true},
                     even_holdings(run.model, 8))
          .total();
  cluster.memory = (most + least) / 2;
  const std::vector<PricedLayout> ranked = ranked_layouts(run, cluster);
  EXPECT_TRUE(ranked.front().fits);
  EXPECT_FALSE(ranked.back().fits);
  for (std::size_t i = 1; i < ranked.size(); ++i) {
    const PricedLayout& better = ranked[i - 1];
    EXPECT_GE(better.fits, ranked[i].fits);
    if (ranked[i].fits) {
      EXPECT_LE(better.step.seconds(), ranked[i].step.seconds());
    }
  }
}

TEST(Layouts, SayWhereTheBalancingLossDiffers) {
  EXPECT_TRUE(changes_balance_loss(made_run(bam_mixture()), 2, 1));
  EXPECT_FALSE(changes_balance_loss(made_run(bam_mixture()), 2, 2));
  EXPECT_FALSE(changes_balance_loss(made_run(std::nullopt), 2, 1));
}

TEST(Layouts, ThousandsArePricedInSeconds) {
  RunShape run =
      made_run(MixtureConfig{.attention = std::nullopt, .ffn = {.experts = 64, .top_k = 4}});
  run.model.n_layers = 48;
  run.sequences = 1 << 15;
  Cluster cluster = made_cluster();
  cluster.nodes = 512;
  cluster.ranks_per_node = 8;
  const ModelSizes sizes(run.model);
  const double begin = processor_seconds();
  int count = 0;
  while (count < 10'000) {
    for (const RunLayout& layout : possible_layouts(run, cluster)) {
      const auto layers = even_holdings(run.model, layout.expert_parallel);
      EXPECT_GT(priced(run, sizes, layout, cluster, layers).step.seconds(), 0);
      ++count;
    }
  }
  const double each = (processor_seconds() - begin) / count;
  std::cout << "a layout takes " << 1e6 * each << " us\n";
#ifdef NDEBUG
  EXPECT_LE(each, 0.005);
  EXPECT_LE(each * 10'000, 60);
#endif
}

/// 2 layers of 8 FFN experts on 4 ranks.
ModelPlan made_plan(int slots, const std::vector<double>& loads) {
  return plan_model({.ranks = equal_ranks(4, slots), .slots = slots},
                    {{{{}, loads}}, {{{}, loads}}});
}

TEST(PlanCost, EvenLoadsWithoutCopiesAreTheEvenHoldings) {
  const ModelPlan plan = made_plan(8, std::vector<double>(8, 10.0));
  RunShape run = made_run(MixtureConfig{.attention = std::nullopt, .ffn = {.experts = 8}});
  run.model.n_layers = 2;
  const RunLayout layout{.ranks = 4, .expert_parallel = 4};
  Cluster cluster = made_cluster();
  cluster.nodes = 1;
  const ModelSizes sizes(run.model);
  EXPECT_NEAR(predict_step(run, sizes, layout, cluster, planned_holdings(plan)).seconds(),
              predicted(run, layout, cluster).seconds(), 1e-15);
  EXPECT_EQ(replica_traffic(run, sizes, cluster, plan).total(), 0);
}

TEST(PlanCost, ExpertsWithAFixedNumberOfRowsAreLoadedAlikeAndCostTheirPadding) {
  const ModelPlan even = made_plan(8, std::vector<double>(8, 10.0));
  ModelPlan uneven = even;
  for (LoadWindow& window : uneven.loads[0]) {
    window.ffn = {70, 2, 2, 2, 1, 1, 1, 1};
  }
  EXPECT_FALSE(planned_holdings(uneven)[0] == planned_holdings(even)[0]);
  EXPECT_TRUE(planned_holdings(uneven, 1.5)[0] == planned_holdings(even)[0]);
  RunShape run = made_run(bam_mixture());
  const RunLayout layout{.ranks = 4, .expert_parallel = 4};
  const Cluster cluster = made_cluster();
  const auto layers = even_holdings(run.model, 4).front();
  const double chosen = layer_traffic(run, layout, cluster, layers).total();
  run.capacity_factor = 1.5;
  EXPECT_GT(layer_traffic(run, layout, cluster, layers).total(), chosen);
  EXPECT_EQ(run.ffn_rows(100), 150);
  run.capacity_factor = 1000;  // an expert gets no more rows than there are
  EXPECT_EQ(run.ffn_rows(100), 800);
}

// Two copies of an expert hold its weight each and half of its moments.
TEST(PlanCost, CopiesShareTheStateOfTheirExpert) {
  ModelPlan plan = made_plan(8, std::vector<double>(8, 10.0));
  const auto state_of = [&](std::size_t rank) {
    return planned_holdings(plan)[0][rank].ffn_states;
  };
  const auto home = static_cast<std::size_t>(plan.layers[0].experts[3].front().rank);
  const std::size_t other = (home + 1) % 4;
  const double alone = state_of(home);
  plan.layers[0].experts[3] = {{static_cast<int>(home), 0.5}, {static_cast<int>(other), 0.5}};
  EXPECT_DOUBLE_EQ(state_of(home), alone - 0.5);
  EXPECT_DOUBLE_EQ(state_of(other), 2.5);
}

TEST(PlanCost, CopiesSendGradientsAndGetWeights) {
  ModelPlan plan = made_plan(8, std::vector<double>(8, 10.0));
  plan.layers[0].experts[3] = {{0, 0.5}, {2, 0.5}};
  RunShape run = made_run(MixtureConfig{.attention = std::nullopt, .ffn = {.experts = 8}});
  const ModelSizes sizes(run.model);
  EXPECT_EQ(sizes.ffn_expert, 3 * 64 * 96);
  EXPECT_EQ(sizes.attention_expert, 0);
  // Half of the gradient goes out, half of the weights too.
  EXPECT_DOUBLE_EQ(replica_traffic(run, sizes, made_cluster(), plan).total(),
                   sizes.ffn_expert * (4 + 4) / 2);
}

TEST(PlanCost, MigrationSendsStateOfWhatIsNew) {
  const ModelPlan before = made_plan(8, std::vector<double>(8, 10.0));
  ModelPlan after = before;
  Replica& moved = after.layers[1].experts[5].front();
  moved.rank = (moved.rank + 1) % 4;
  const RunShape run = made_run(MixtureConfig{.attention = std::nullopt, .ffn = {.experts = 8}});
  const ModelSizes sizes(run.model);
  const MigrationCost cost = migration_cost(run, sizes, made_cluster(), before, after);
  EXPECT_EQ(cost.replicas, 1);
  EXPECT_DOUBLE_EQ(cost.bytes, sizes.ffn_expert * 12);
  EXPECT_DOUBLE_EQ(cost.seconds, cost.bytes / 100e9);
  EXPECT_EQ(migration_cost(run, sizes, made_cluster(), before, before).seconds, 0);
}

}  // namespace
}  // namespace bam
