// The sharded optimizer against AdamW written out in double precision, one element at a time.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "parallel/layout.h"
#include "parallel/sharded_optimizer.h"
#include "tests/model/small_model.h"
#include "tests/parallel/ranks.h"
#include "tests/runtime/tensors.h"

namespace bam::testing {
namespace {

constexpr std::uint64_t kSeed = 3;
constexpr double kLearningRate = 1e-2;
// A large epsilon: an update then depends on the gradient's size, so a wrong clipping shows.
OptimizerSettings make_settings() { return {.epsilon = 1e-3, .clip_norm = 2.0}; }

// Embeddings of more than two tiles; five FFN experts, which no number of ranks here divides.
ModelConfig config() {
  ModelConfig config = small_mixture(AttentionMixture{.experts = 4}, {.experts = 5, .top_k = 2});
  config.vocabulary = 2 * kTileElements / config.d_model + 100;
  return config;
}

// Multiples of 1/256, so that sums over ranks are exact in any order.
float gradient_of(std::size_t spec, std::size_t element, int rank, std::int64_t step) {
  std::uint64_t word = (spec << 40) + (element << 8) + static_cast<std::uint64_t>(rank * 16 + step);
  word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9ULL;
  word = (word ^ (word >> 27)) * 0x94d049bb133111ebULL;
  return static_cast<float>(static_cast<int>((word >> 33) % 513) - 256) / 256.0F;
}

// One rank's weights under the optimizer, with made-up gradients.
class Sharded {
 public:
  Sharded(int expert_parallel, Precision precision, Trainable trainable = Trainable::kAll)
      : layout_(layout_of(world(), expert_parallel)),
        placement_(round_robin(config(), layout_.expert_parallel())),
        store_(stream_, config(), placement_, layout_.expert_group().rank(), precision,
               ParameterStore::Gradients::kTrained, trainable),
        optimizer_(stream_, store_, world(), layout_.data_group(), placement_, make_settings()) {
    optimizer_.for_each_owned_tile([&](const OwnedTile& owned) {
      const ParameterSpec& spec = store_.specs()[static_cast<std::size_t>(owned.tile.spec)];
      const Tensor values = initial_values(stream_, spec, kSeed, owned.tile.begin, owned.tile.end);
      to_host(stream_, values, std::as_writable_bytes(owned.weight));
    });
    optimizer_.publish(stream_);
  }

  void set_gradients(std::int64_t step) {
    for (Parameter& parameter : store_.parameters()) {
      if (parameter.gradient.empty()) {
        continue;
      }
      std::vector<float> gradient(static_cast<std::size_t>(parameter.gradient.elements()));
      for (std::size_t i = 0; i < gradient.size(); ++i) {
        gradient[i] =
            gradient_of(static_cast<std::size_t>(parameter.index), i, world().rank(), step);
      }
      to_device(stream_, gradient, parameter.gradient);
    }
  }
  ShardedOptimizer::StepResult step(std::int64_t step, bool loss_is_finite = true) {
    return optimizer_.step(stream_, kLearningRate, step, loss_is_finite);
  }

  // The weight as fp32, whatever the store keeps.
  std::vector<float> values(const Parameter& parameter) {
    const Tensor out(stream_, parameter.value.shape(), DType::kFloat32);
    copy(stream_, parameter.value, out);
    return to_host<float>(stream_, out);
  }
  std::vector<std::vector<float>> all_values() {
    std::vector<std::vector<float>> all;
    for (const Parameter& parameter : store_.parameters()) {
      all.push_back(values(parameter));
    }
    return all;
  }

  double sum_over_ranks(double value) {
    world().all_reduce_sum(stream_, std::span(&value, 1)).wait(stream_);
    return value;
  }

  Stream& stream() { return stream_; }
  ParameterStore& store() { return store_; }
  ShardedOptimizer& optimizer() { return optimizer_; }
  const Placement& placement() const { return placement_; }
  int expert_parallel() const { return layout_.expert_parallel(); }

 private:
  Memory memory_{kind_under_test()};
  Stream stream_{memory_};
  Layout& layout_;
  Placement placement_;
  ParameterStore store_;
  ShardedOptimizer optimizer_;
};

// The whole model on one rank, in double.
class Reference {
 public:
  explicit Reference(const Sharded& run) : run_(run), specs_(parameter_specs(config())) {
    Memory memory;
    Stream stream(memory);
    for (const ParameterSpec& spec : specs_) {
      const Tensor values = initial_values(stream, spec, kSeed, 0, spec.elements());
      weights_.emplace_back(values.span<float>().begin(), values.span<float>().end());
      first_.emplace_back(weights_.back().size());
      second_.emplace_back(weights_.back().size());
    }
  }

  /// Returns the gradient's norm.
  double step(std::int64_t number) {
    std::vector<std::vector<double>> gradients;
    double squares = 0;
    for (std::size_t s = 0; s < specs_.size(); ++s) {
      gradients.push_back(summed_gradient(s, number));
      for (const double g : gradients.back()) {
        squares += g * g;
      }
    }
    const double norm = std::sqrt(squares);
    for (std::size_t s = 0; s < specs_.size(); ++s) {
      update(s, gradients[s], std::min(1.0, make_settings().clip_norm / norm), number);
    }
    return norm;
  }

  const std::vector<double>& weight(int spec) const {
    return weights_[static_cast<std::size_t>(spec)];
  }

 private:
  std::vector<double> summed_gradient(std::size_t s, std::int64_t number) const {
    std::vector<double> sum(weights_[s].size());
    for (int rank = 0; rank < world().size(); ++rank) {
      if (run_.placement().holds(rank % run_.expert_parallel(), specs_[s])) {
        for (std::size_t i = 0; i < sum.size(); ++i) {
          sum[i] += gradient_of(s, i, rank, number);
        }
      }
    }
    return sum;
  }

  void update(std::size_t s, const std::vector<double>& gradient, double scale,
              std::int64_t number) {
    const OptimizerSettings with = make_settings();
    const double decay = specs_[s].role == Role::kNorm ? 0 : with.weight_decay;
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      const double g = scale * gradient[i];
      first_[s][i] = with.beta1 * first_[s][i] + (1 - with.beta1) * g;
      second_[s][i] = with.beta2 * second_[s][i] + (1 - with.beta2) * g * g;
      const double m = first_[s][i] / (1 - std::pow(with.beta1, number));
      const double v = second_[s][i] / (1 - std::pow(with.beta2, number));
      double& w = weights_[s][i];
      w -= kLearningRate * (m / (std::sqrt(v) + with.epsilon) + decay * w);
    }
  }

  const Sharded& run_;
  std::vector<ParameterSpec> specs_;
  std::vector<std::vector<double>> weights_;
  std::vector<std::vector<double>> first_;
  std::vector<std::vector<double>> second_;
};

// Largest |found - expected| / (|expected| + 1e-2).
template <class Found>
double error_of(const Found& found, std::span<const double> expected) {
  double worst = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    worst = std::max(worst, std::abs(found[i] - expected[i]) / (std::abs(expected[i]) + 1e-2));
  }
  return worst;
}

// Sizes of the expert-parallel group that these ranks allow.
std::set<int> group_sizes() {
  std::set<int> sizes = {1, world().size()};
  if (world().size() % 2 == 0) {
    sizes.insert(2);
  }
  return sizes;
}

TEST(Optimizer, FollowsAdamwOnEveryCopyWhateverTheLayout) {
  for (const int expert_parallel : group_sizes()) {
    Sharded run(expert_parallel, Precision::kFloat32);
    Reference reference(run);
    for (std::int64_t step = 1; step <= 3; ++step) {
      run.set_gradients(step);
      EXPECT_NEAR(run.step(step).gradient_norm / reference.step(step), 1, 1e-12);
    }
    for (const Parameter& parameter : run.store().parameters()) {
      EXPECT_LT(error_of(run.values(parameter), reference.weight(parameter.index)), 2e-5)
          << parameter.spec.name() << ", expert_parallel " << expert_parallel;
    }
  }
}

TEST(Optimizer, KeepsFp32MastersOfBf16Weights) {
  Sharded run(1, Precision::kBFloat16);
  Reference reference(run);
  for (std::int64_t step = 1; step <= 3; ++step) {
    run.set_gradients(step);
    run.step(step);
    reference.step(step);
  }
  run.optimizer().for_each_owned_tile([&](const OwnedTile& owned) {
    const std::span expected(reference.weight(owned.tile.spec));
    EXPECT_LT(error_of(owned.weight, expected.subspan(static_cast<std::size_t>(owned.tile.begin),
                                                      owned.weight.size())),
              2e-5);
    const Parameter& parameter = *run.store().find(owned.tile.spec);
    if (parameter.value.dtype() == DType::kBFloat16) {
      const std::vector<bfloat16> value = to_host<bfloat16>(run.stream(), parameter.value);
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < owned.weight.size(); ++i) {
        wrong += value[static_cast<std::size_t>(owned.tile.begin) + i].bits !=
                         bfloat16(owned.weight[i]).bits
                     ? 1
                     : 0;
      }
      EXPECT_EQ(wrong, 0U) << parameter.spec.name();
    }
  });
  for (const Parameter& parameter : run.store().parameters()) {
    EXPECT_LT(error_of(run.values(parameter), reference.weight(parameter.index)), 1.0 / 256)
        << parameter.spec.name();
  }
}

TEST(Optimizer, OwnsEveryElementOnceAndNoMoreBytesThanThat) {
  double elements = 0;
  for (const ParameterSpec& spec : parameter_specs(config())) {
    elements += static_cast<double>(spec.elements());
  }
  for (const int expert_parallel : group_sizes()) {
    Sharded run(expert_parallel, Precision::kBFloat16);
    double owned = 0;
    std::size_t bytes = 0;
    run.optimizer().for_each_owned_tile([&](const OwnedTile& tile) {
      EXPECT_EQ(tile.first_moment.size(), tile.weight.size());
      EXPECT_EQ(tile.second_moment.size(), tile.weight.size());
      owned += static_cast<double>(tile.weight.size());
      const bool has_master = run.store().find(tile.tile.spec)->value.dtype() != DType::kFloat32;
      bytes += tile.weight.size() * sizeof(float) * (has_master ? 3 : 2);
    });
    EXPECT_EQ(run.optimizer().state_bytes(), bytes);
    EXPECT_EQ(run.sum_over_ranks(owned), elements);
  }
}

TEST(Optimizer, SkipsTheStepEverywhereWhenOneRankIsNotFinite) {
  const bool is_last = world().rank() == world().size() - 1;
  Sharded run(0, Precision::kFloat32);
  const std::vector<std::vector<float>> before = run.all_values();
  run.set_gradients(1);
  if (is_last) {
    HostView gradient(run.stream(), run.store().find(0)->gradient);
    gradient.values()[7] = std::numeric_limits<float>::infinity();
    gradient.write_back(run.stream());
  }
  EXPECT_TRUE(run.step(1).skipped);
  run.set_gradients(1);
  EXPECT_TRUE(run.step(1, /*loss_is_finite=*/!is_last).skipped);
  EXPECT_EQ(run.all_values(), before);
  run.set_gradients(1);
  EXPECT_FALSE(run.step(1).skipped);
  EXPECT_NE(run.all_values(), before);
}

TEST(Optimizer, LeavesFrozenWeightsAloneAndGivesThemNoMoments) {
  Sharded run(0, Precision::kFloat32, Trainable::kRoutersOnly);
  const std::vector<std::vector<float>> before = run.all_values();
  run.set_gradients(1);
  run.step(1);
  const std::vector<std::vector<float>> after = run.all_values();
  for (std::size_t i = 0; i < before.size(); ++i) {
    const ParameterSpec& spec = run.store().parameters()[i].spec;
    EXPECT_EQ(after[i] != before[i], spec.is_router()) << spec.name();
  }
  run.optimizer().for_each_owned_tile([&](const OwnedTile& owned) {
    const bool trains = run.store().find(owned.tile.spec)->spec.is_router();
    EXPECT_EQ(owned.first_moment.size(), trains ? owned.weight.size() : 0);
  });
}

}  // namespace
}  // namespace bam::testing
