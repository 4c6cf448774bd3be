// The same global batches on every rank count, placement and split into groups: each rank also
// trains the whole model alone, and both must agree step by step.
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>

#include "tests/parallel/agreement.h"
#include "tests/parallel/ranks.h"

namespace bam::testing {
namespace {

constexpr double kRoomForAll = 3;  // 5 experts / top 2
constexpr double kTooLittleAtTimes = 2;

struct Case {
  const char* name;
  ModelConfig config;
  std::int64_t sequences = 12;
  int all_ffn_on = -1;  // put every FFN expert on this rank (modulo the ranks)
  bool ties = false;    // zero FFN routers: every token goes to expert 0
  std::int64_t steps = 20;
  bool two_groups = false;     // data parallel x expert parallel, where the ranks allow it
  bool uneven = false;         // experts where nobody would put them, another way in each layer
  double capacity_factor = 0;  // of the many ranks, not of the one
};

void PrintTo(const Case& each, std::ostream* out) { *out << each.name; }

std::vector<Case> cases() {
  using enum AttentionRouting;
  using enum KeyValue;
  const FfnMixture top1{.experts = 4, .top_k = 1, .balance_loss = 0.05};
  const FfnMixture top2{.experts = 5, .top_k = 2, .renormalise = true};
  const AttentionMixture expert{.experts = 4};
  const AttentionMixture shared{.experts = 3, .key_value = kShared};
  const AttentionMixture top_k{.experts = 4, .routing = kTopK, .top_k = 2};
  const AttentionMixture uniform{.experts = 4, .routing = kUniform};
  return {
      {.name = "dense", .config = small_dense()},
      {.name = "btx", .config = small_mixture(std::nullopt, top2)},
      {.name = "expert_kv", .config = small_mixture(expert, top1)},
      {.name = "expert_kv_ten_sequences", .config = small_mixture(expert, top1), .sequences = 10},
      {.name = "shared_kv", .config = small_mixture(shared, top2)},
      {.name = "uniform", .config = small_mixture(uniform, top1)},
      {.name = "top_k_attention", .config = small_mixture(top_k, top2)},
      {.name = "one_rank_holds_all_ffn", .config = small_mixture(expert, top1), .all_ffn_on = 1},
      {.name = "all_tokens_to_one_expert",
       .config = small_mixture(expert, top1),
       .ties = true,
       .steps = 1},
      {.name = "uneven_placement", .config = small_mixture(expert, top2), .uneven = true},
      {.name = "padded", .config = small_mixture(expert, top2), .capacity_factor = kRoomForAll},
      {.name = "padded_now_and_then_too_little",
       .config = small_mixture(expert, top1),
       .capacity_factor = kTooLittleAtTimes},
      {.name = "two_groups", .config = small_mixture(expert, top2), .two_groups = true},
  };
}

Placement placement_of(const Case& each, int ranks) {
  Placement placement = round_robin(each.config, ranks);
  for (LayerPlacement& layer : placement.layers) {
    for (Replicas& replicas : layer.ffn) {
      replicas[0].rank = each.all_ffn_on < 0 ? replicas[0].rank : each.all_ffn_on % ranks;
    }
  }
  if (each.uneven) {  // with three ranks or more, one has no attention expert in either layer
    const int last = ranks - 1;
    placement.layers[0] = {.attention = single_copies({last, last, 0, last}),
                           .ffn = single_copies({0, last, last, 0, last})};
    placement.layers[1] = {.attention = single_copies({0, 0, 0, last}),
                           .ffn = single_copies({last, last, last, last, 0})};
  }
  return placement;
}

TrainingPlan plan_of(const Case& each, int expert_parallel, Overlap overlap = Overlap::kOn) {
  return {.config = each.config,
          .placement = placement_of(each, expert_parallel),
          .sequences = each.sequences,
          .overlap = overlap,
          .ties = each.ties,
          .expert_capacity_factor = each.capacity_factor};
}

void expect_same_bits(Training& a, Training& b) {
  for (std::size_t i = 0; i < a.store().parameters().size(); ++i) {
    EXPECT_EQ(to_host<float>(a.stream(), a.store().parameters()[i].value),
              to_host<float>(b.stream(), b.store().parameters()[i].value))
        << a.store().parameters()[i].spec.name();
  }
}

class Layouts : public ::testing::TestWithParam<Case> {};

TEST_P(Layouts, GiveTheLossGradientsAndRoutingOfOneRank) {
  const Case& each = GetParam();
  const int ranks = world().size();
  const int expert_parallel = each.two_groups && ranks % 2 == 0 ? ranks / 2 : ranks;
  TrainingPlan on_cpu = plan_of(each, 1);
  on_cpu.device = DeviceKind::kCpu;
  on_cpu.expert_capacity_factor = 0;
  Training one(on_cpu, alone());
  Training many(plan_of(each, expert_parallel), world());
  const double margin = expect_same_training(one, many, steps_under_test(each.steps));
  if (each.config.mixture && world().rank() == 0) {
    std::cout << each.name << ": smallest margin of a choice " << margin << std::endl;
  }
  EXPECT_TRUE(margin > kClearMargin || each.ties) << "a choice is too close to call: " << margin;
}

TEST_P(Layouts, GiveTheSameBitsWithOverlapOff) {
  Training on(plan_of(GetParam(), world().size(), Overlap::kOn), world());
  Training off(plan_of(GetParam(), world().size(), Overlap::kOff), world());
  for (std::int64_t step = 1; step <= steps_under_test(20); ++step) {
    EXPECT_EQ(on.step(step).loss, off.step(step).loss);
  }
  expect_same_bits(on, off);
}

TEST_P(Layouts, KeepEachExpertOnItsRankAlone) {
  Training run(plan_of(GetParam(), world().size()), world());
  std::vector<double> holders;
  for (std::size_t i = 0; i < run.store().specs().size(); ++i) {
    holders.push_back(run.store().find(static_cast<int>(i)) == nullptr ? 0 : 1);
  }
  double moments = 0;
  double owned_here = 0;
  double held_here = 0;
  double elements = 0;
  for (const ParameterSpec& spec : run.store().specs()) {
    elements += static_cast<double>(spec.elements());
  }
  run.optimizer().for_each_owned_tile(
      [&](const OwnedTile& owned) { moments += static_cast<double>(owned.first_moment.size()); });
  owned_here = moments;
  for (const Parameter& parameter : run.store().parameters()) {
    held_here += static_cast<double>(parameter.spec.elements());
  }
  Memory memory;
  Stream stream(memory);
  world().all_reduce_sum(stream, holders).wait(stream);
  world().all_reduce_sum(stream, std::span(&moments, 1)).wait(stream);
  // Weight and gradient of what is held, two moments of what is owned, and not a byte more.
  EXPECT_EQ(run.state_bytes(), 4 * (2 * held_here + 2 * owned_here));
  EXPECT_EQ(moments, elements);  // each element's moments exist once in the world
  for (std::size_t i = 0; i < holders.size(); ++i) {
    EXPECT_EQ(holders[i], run.store().specs()[i].is_expert() ? 1 : world().size());
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, Layouts, ::testing::ValuesIn(cases()),
                         [](const auto& instance) { return instance.param.name; });

enum class Start { kAnyhow, kAllTokensToOneExpert };

// Of the first steps, those that were computed once more: the same on every rank.
std::int64_t overflows(double capacity_factor, Start start, std::int64_t steps) {
  const FfnMixture top1{.experts = 4, .top_k = 1};
  Training run(plan_of({.name = "padded",
                        .config = small_mixture(std::nullopt, top1),
                        .ties = start == Start::kAllTokensToOneExpert,
                        .capacity_factor = capacity_factor},
                       world().size()),
               world());
  std::int64_t count = 0;
  for (std::int64_t step = 1; step <= steps; ++step) {
    count += run.step(step).has_overflow ? 1 : 0;
  }
  double sum = static_cast<double>(count);
  Memory memory;
  Stream stream(memory);
  world().all_reduce_sum(stream, std::span(&sum, 1)).wait(stream);
  EXPECT_EQ(sum, static_cast<double>(count * world().size()));
  return count;
}

TEST(ExpertCapacity, OfLessThanAllRowsIsTooLittleWhereAllGoToOneExpert) {
  EXPECT_EQ(overflows(3.9, Start::kAllTokensToOneExpert, 1), 1);
  EXPECT_EQ(overflows(4, Start::kAllTokensToOneExpert, 1), 0);
  const std::int64_t steps = steps_under_test(10);
  EXPECT_EQ(overflows(4, Start::kAnyhow, steps), 0);
  EXPECT_GT(overflows(1, Start::kAnyhow, steps), steps / 2);
}

// The third step is the first that is done from the record alone.
void expect_same_recorded(TrainingPlan plan) {
  plan.sequences = 4;
  Training usual(plan, world());
  plan.cuda_graphs = true;
  Training recorded(plan, world());
  for (std::int64_t step = 1; step <= 4; ++step) {
    const StepReport expected = usual.step(step);
    const StepReport found = recorded.step(step);
    EXPECT_EQ(found.loss, expected.loss) << "step " << step;
    EXPECT_EQ(found.gradient_norm, expected.gradient_norm) << "step " << step;
    EXPECT_EQ(found.has_overflow, expected.has_overflow) << "step " << step;
  }
  expect_same_bits(recorded, usual);
}

TEST(CudaGraphs, GiveTheBitsOfTheSameWorkUnrecorded) {
  TrainingPlan dense = plan_of({.name = "dense", .config = small_dense()}, world().size());
  if (kind_under_test() == DeviceKind::kCpu) {
    dense.cuda_graphs = true;
    EXPECT_THROW(Training(dense, world()), BadInput);
    return;
  }
  expect_same_recorded(dense);
  const AttentionMixture attention{.experts = 4, .z_loss = 0.01};
  const FfnMixture ffn{.experts = 4, .top_k = 2, .balance_loss = 0.05, .z_loss = 0.01};
  Case mixture{.name = "mixture", .config = small_mixture(attention, ffn), .capacity_factor = 2};
  const TrainingPlan spread = plan_of(mixture, world().size());
  if (world().size() > 1 && !world().can_be_recorded()) {
    EXPECT_NE(Training(spread, world()).model().obstacle_to_recording(2), "");
    return;
  }
  expect_same_recorded(spread);
  mixture.capacity_factor = 1.2;  // too little now and then
  expect_same_recorded(plan_of(mixture, world().size()));
}

// Rows of this rank's tokens whose expert another rank holds.
std::int64_t rows_sent_away(const Routed& router, const LayerPlacement& placement) {
  return std::ranges::count_if(router.choices, [&](std::int32_t expert) {
    return !is_on(placement.ffn[static_cast<std::size_t>(expert)], world().rank());
  });
}

class Traffic : public ::testing::TestWithParam<std::size_t> {};

// Soft attention, forward and backward: each row goes to the other ranks and comes back, with its
// gates, where a rank holds experts; FFN rows go where they were routed and come back, as do their
// gradients. All fp32.
TEST_P(Traffic, IsWhatTheFormulaSays) {
  const Case each = cases()[GetParam()];
  Training run(plan_of(each, world().size()), world());
  double away = 0;
  const std::vector<Routed> routers = run.route(1);
  for (std::size_t layer = 0; layer < routers.size(); ++layer) {
    away += static_cast<double>(rows_sent_away(routers[layer], run.placement().layers[layer]));
  }
  const std::size_t before = run.bytes_sent();
  EXPECT_FALSE(run.step(1).skipped);
  double sent[] = {static_cast<double>(run.bytes_sent() - before), away};
  Memory memory;
  Stream stream(memory);
  world().all_reduce_sum(stream, sent).wait(stream);
  const double ranks = world().size();
  const auto rows = static_cast<double>(each.sequences * kLength);
  const auto d = static_cast<double>(each.config.d_model);
  const double experts = each.config.has_attention_experts() ? each.config.attention_experts() : 0;
  const double holders = std::min(ranks, experts);  // dealt round-robin
  // Of each row's other ranks, those that hold experts: (ranks - 1) holders / ranks on average.
  const double visits = rows * holders * (ranks - 1) / ranks;
  const double attention = visits * (4 * d + 2 * experts) * each.config.n_layers;
  const double ffn = 4 * d * sent[1];
  const double counts = ranks * (ranks - 1) * each.config.ffn_experts() * each.config.n_layers;
  const double edges = experts > 0 ? (ranks - 1) * rows : 0;
  EXPECT_EQ(sent[0], 4 * (attention + ffn + counts + edges));
  EXPECT_TRUE(world().size() == 1 || sent[1] > 0);
}

// BTX, expert KV, shared KV (three experts).
INSTANTIATE_TEST_SUITE_P(Cases, Traffic, ::testing::Values(1, 2, 4));

}  // namespace
}  // namespace bam::testing
