// Experts with several copies train as experts with one: against the whole model on one rank, and
// copy against copy.
#include <algorithm>
#include <iostream>

#include "model/attention_division.h"
#include "tests/parallel/agreement.h"
#include "tests/parallel/ranks.h"

namespace bam::testing {
namespace {

struct Case {
  const char* name;
  ModelConfig config;
  std::int64_t sequences = 12;
  bool everywhere = false;  // each expert on every rank, in equal shares
  bool ties = false;        // every token goes to expert 0
  bool two_groups = false;  // data parallel x expert parallel, where the ranks allow it
  std::int64_t steps = 4;
};

std::vector<Case> cases() {
  using enum AttentionRouting;
  using enum KeyValue;
  const FfnMixture top1{.experts = 4, .top_k = 1, .balance_loss = 0.05};
  const FfnMixture top2{.experts = 5, .top_k = 2, .renormalise = true};
  const AttentionMixture expert{.experts = 4};
  const AttentionMixture shared{.experts = 3, .key_value = kShared};
  const AttentionMixture top_k{.experts = 4, .routing = kTopK, .top_k = 2};
  return {
      {.name = "btx", .config = small_mixture(std::nullopt, top2)},
      {.name = "expert_kv", .config = small_mixture(expert, top1)},
      {.name = "expert_kv_ten_sequences", .config = small_mixture(expert, top2), .sequences = 10},
      {.name = "one_sequence", .config = small_mixture(expert, top2), .sequences = 1},
      {.name = "shared_kv", .config = small_mixture(shared, top2)},
      {.name = "top_k_attention", .config = small_mixture(top_k, top2)},
      {.name = "everywhere", .config = small_mixture(expert, top1), .everywhere = true},
      {.name = "all_tokens_to_one_expert",
       .config = small_mixture(expert, top1),
       .ties = true,
       .steps = 1},
      {.name = "two_groups", .config = small_mixture(expert, top2), .two_groups = true},
  };
}

Replicas equal_copies(int ranks) {
  Replicas replicas;
  for (int rank = 0; rank < ranks; ++rank) {
    replicas.push_back({rank, 1.0 / ranks});
  }
  return replicas;
}

// Round-robin, but some experts of each kind have copies: on all ranks, on two in uneven parts, and
// one that only keeps its copy. Another way in each layer.
Placement placement_of(const Case& each, int ranks) {
  Placement placement = round_robin(each.config, ranks);
  if (ranks == 1) {
    return placement;
  }
  const int last = ranks - 1;
  const auto replicate = [&](std::vector<Replicas>& experts, std::size_t first) {
    if (experts.empty()) {
      return;
    }
    for (std::size_t e = 0; each.everywhere && e < experts.size(); ++e) {
      experts[e] = equal_copies(ranks);
    }
    if (!each.everywhere) {
      experts[first % experts.size()] = equal_copies(ranks);
      experts[(first + 1) % experts.size()] = {{0, 0.7}, {last, 0.3}};
      experts[(first + 2) % experts.size()] = {{last - 1, 0.0}, {last, 1.0}};
    }
  };
  for (std::size_t layer = 0; layer < placement.layers.size(); ++layer) {
    replicate(placement.layers[layer].attention, layer);
    replicate(placement.layers[layer].ffn, 2 * layer);
  }
  return placement;
}

TrainingPlan plan_of(const Case& each, int expert_parallel) {
  return {.config = each.config,
          .placement = placement_of(each, expert_parallel),
          .sequences = each.sequences,
          .ties = each.ties};
}

int group_size(const Case& each) {
  const int ranks = world().size();
  return each.two_groups && ranks % 2 == 0 ? ranks / 2 : ranks;
}

// Every rank's bytes of a weight that it holds.
std::vector<std::byte> gathered(Stream& stream, const Tensor& value) {
  std::vector<std::byte> all(value.bytes() * static_cast<std::size_t>(world().size()));
  world().all_gather(stream, bytes_in(stream, value), all).wait(stream);
  return all;
}

// All copies of every weight are the same to the last bit.
void expect_equal_copies(Training& run) {
  const std::vector<ParameterSpec>& specs = run.store().specs();
  for (std::size_t s = 0; s < specs.size(); ++s) {
    const Parameter* own = run.store().find(static_cast<int>(s));
    const DType dtype = weight_dtype(specs[s], run.precision());
    const Tensor none(run.stream(), specs[s].shape, dtype);
    const Tensor& value = own == nullptr ? none : own->value;
    const std::vector<std::byte> all = gathered(run.stream(), value);
    int first = -1;
    for (int rank = 0; rank < world().size(); ++rank) {
      if (!run.placement().holds(rank % run.placement().ranks, specs[s])) {
        continue;
      }
      first = first < 0 ? rank : first;
      const auto bytes_of_rank = [&](int of) {
        return std::span(all).subspan(value.bytes() * static_cast<std::size_t>(of), value.bytes());
      };
      EXPECT_TRUE(std::ranges::equal(bytes_of_rank(rank), bytes_of_rank(first)))
          << specs[s].name() << " on ranks " << first << " and " << rank;
    }
  }
}

class ReplicasOf : public ::testing::TestWithParam<Case> {};

TEST_P(ReplicasOf, TrainAsOneCopyOnOneRankDoes) {
  const Case& each = GetParam();
  TrainingPlan on_cpu = plan_of(each, 1);
  on_cpu.device = DeviceKind::kCpu;
  Training one(on_cpu, alone());
  Training many(plan_of(each, group_size(each)), world());
  const double margin = expect_same_training(one, many, steps_under_test(each.steps));
  EXPECT_TRUE(margin > kClearMargin || each.ties) << "a choice is too close to call: " << margin;
}

TEST_P(ReplicasOf, AreTheSameToTheLastBitAfterEachStep) {
  Training run(plan_of(GetParam(), group_size(GetParam())), world());
  for (std::int64_t step = 1; step <= 2; ++step) {
    EXPECT_FALSE(run.step(step).skipped);
    expect_equal_copies(run);
  }
}

class ReplicasApart : public ::testing::TestWithParam<Case> {};

TEST_P(ReplicasApart, TrainTheSameWithOverlapOff) {
  TrainingPlan plan = plan_of(GetParam(), group_size(GetParam()));
  Training on(plan, world());
  plan.overlap = Overlap::kOff;
  Training off(plan, world());
  for (std::int64_t step = 1; step <= 2; ++step) {
    EXPECT_EQ(on.step(step).loss, off.step(step).loss);
  }
}

TEST_P(ReplicasOf, ShareTheOptimizersState) {
  Training run(plan_of(GetParam(), group_size(GetParam())), world());
  double moments = 0;
  double held = 0;
  double elements = 0;
  run.optimizer().for_each_owned_tile(
      [&](const OwnedTile& owned) { moments += static_cast<double>(owned.first_moment.size()); });
  for (const Parameter& parameter : run.store().parameters()) {
    held += static_cast<double>(parameter.spec.elements());
  }
  for (const ParameterSpec& spec : run.store().specs()) {
    elements += static_cast<double>(spec.elements());
  }
  EXPECT_EQ(run.state_bytes(), 4 * (2 * held + 2 * moments));
  world().all_reduce_sum(run.stream(), std::span(&moments, 1)).wait(run.stream());
  EXPECT_EQ(moments, elements);  // each element's moments exist once in the world
}

// In bf16 partial sums follow the placement: a gate may fall on the other side, so only losses are
// held to each other.
class ReplicasInBf16 : public ::testing::TestWithParam<Case> {};

TEST_P(ReplicasInBf16, TrainAsOneCopyDoes) {
  const Case& each = GetParam();
  TrainingPlan whole = plan_of(each, 1);
  TrainingPlan replicated = plan_of(each, group_size(each));
  whole.precision = replicated.precision = Precision::kBFloat16;
  Training one(whole, alone());
  Training many(replicated, world());
  double furthest = 0;
  for (std::int64_t step = 1; step <= each.steps; ++step) {
    furthest = std::max(furthest, std::abs(many.step(step).loss / one.step(step).loss - 1));
  }
  EXPECT_LT(furthest, 5e-3);
  expect_equal_copies(many);
  if (world().rank() == 0) {
    std::cout << each.name << ": losses in bf16 differ by " << furthest << std::endl;
  }
}

class ReplicaTraffic : public ::testing::TestWithParam<Case> {};

// Rows of this rank's group that leave their rank for an FFN expert: each copy first takes its own
// rank's, up to its part of all.
double ffn_rows_away(const std::vector<double>& of_rank, const Replicas& replicas) {
  double total = 0;
  for (const double rows : of_rank) {
    total += rows;
  }
  double stay = 0;
  double share = 0;
  double before = 0;
  for (const Replica& replica : replicas) {
    share += replica.share;
    const double end = std::round(share * total);
    stay += std::min(of_rank[static_cast<std::size_t>(replica.rank)], end - before);
    before = end;
  }
  return total - stay;
}

// Sequences that one rank's attention experts see of another rank, summed over pairs of ranks.
double sequences_away(const std::vector<Replicas>& experts,
                      const std::vector<std::int64_t>& sequences) {
  const AttentionDivision division(experts, sequences);
  double away = 0;
  for (int source = 0; source < std::ssize(sequences); ++source) {
    for (int holder = 0; holder < std::ssize(sequences); ++holder) {
      for (const SequencePart& part : division.between(source, holder, 1)) {
        away += source == holder ? 0 : static_cast<double>(part.sequences.count());
      }
    }
  }
  return away;
}

// Every rank's rows for each FFN expert of a layer, [expert][rank].
std::vector<std::vector<double>> rows_of_ranks(Stream& stream, const Routed& router,
                                               std::size_t experts) {
  const auto ranks = static_cast<std::size_t>(world().size());
  std::vector<double> flat(experts * ranks);
  for (const std::int32_t expert : router.choices) {
    flat[static_cast<std::size_t>(expert) * ranks + static_cast<std::size_t>(world().rank())] += 1;
  }
  world().all_reduce_sum(stream, flat).wait(stream);
  std::vector<std::vector<double>> rows;
  for (std::size_t e = 0; e < experts; ++e) {
    rows.emplace_back(flat.begin() + static_cast<std::ptrdiff_t>(e * ranks),
                      flat.begin() + static_cast<std::ptrdiff_t>((e + 1) * ranks));
  }
  return rows;
}

TEST_P(ReplicaTraffic, IsWhatTheFormulaSays) {
  const Case& each = GetParam();
  Training run(plan_of(each, world().size()), world());
  const std::vector<Routed> routers = run.route(1);
  double ffn = 0;
  double visits = 0;
  for (std::size_t layer = 0; layer < routers.size(); ++layer) {
    const LayerPlacement& placed = run.placement().layers[layer];
    const auto rows = rows_of_ranks(run.stream(), routers[layer], placed.ffn.size());
    for (std::size_t e = 0; e < rows.size(); ++e) {
      ffn += ffn_rows_away(rows[e], placed.ffn[e]);
    }
    visits += kLength * sequences_away(placed.attention, run.group_sequences());
  }
  const std::size_t before = run.bytes_sent();
  EXPECT_FALSE(run.step(1).skipped);
  double sent = static_cast<double>(run.bytes_sent() - before);
  world().all_reduce_sum(run.stream(), std::span(&sent, 1)).wait(run.stream());
  const double ranks = world().size();
  const auto d = static_cast<double>(each.config.d_model);
  const double experts = each.config.has_attention_experts() ? each.config.attention_experts() : 0;
  const double counts = ranks * (ranks - 1) * each.config.ffn_experts() * each.config.n_layers;
  const double edges =
      experts > 0 ? (ranks - 1) * static_cast<double>(each.sequences) * kLength : 0;
  EXPECT_EQ(sent, 4 * (visits * (4 * d + 2 * experts) + 4 * d * ffn + counts + edges));
  if (each.everywhere && each.sequences % world().size() == 0) {
    EXPECT_EQ(visits, 0);  // every rank's copies attend to its own sequences
  }
}

std::string name_of_case(const ::testing::TestParamInfo<Case>& instance) {
  return instance.param.name;
}

std::vector<Case> named(const std::vector<std::string>& names) {
  std::vector<Case> chosen = cases();
  std::erase_if(chosen, [&](const Case& each) {
    return std::ranges::find(names, std::string(each.name)) == names.end();
  });
  return chosen;
}

INSTANTIATE_TEST_SUITE_P(Cases, ReplicasOf, ::testing::ValuesIn(cases()), name_of_case);
INSTANTIATE_TEST_SUITE_P(Cases, ReplicasApart,
                         ::testing::ValuesIn(named({"expert_kv", "shared_kv", "two_groups"})),
                         name_of_case);
INSTANTIATE_TEST_SUITE_P(Cases, ReplicasInBf16,
                         ::testing::ValuesIn(named({"btx", "shared_kv", "two_groups"})),
                         name_of_case);
INSTANTIATE_TEST_SUITE_P(Cases, ReplicaTraffic,
                         ::testing::ValuesIn(named({"btx", "expert_kv", "expert_kv_ten_sequences",
                                                    "shared_kv", "everywhere"})),
                         name_of_case);

}  // namespace
}  // namespace bam::testing
