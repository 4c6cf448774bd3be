#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "tests/model/small_model.h"

namespace bam::testing {
namespace {

struct Case {
  const char* name;
  ModelConfig config;
};

void PrintTo(const Case& each, std::ostream* out) { *out << each.name; }

AttentionMixture attention(AttentionRouting routing, KeyValue kv, int top_k = 1,
                           bool renormalise = false) {
  return {.experts = 4, .routing = routing, .top_k = top_k, .key_value = kv,
          .renormalise = renormalise, .z_loss = 0.01};
}

std::vector<Case> cases() {
  ModelConfig tied = small_dense();
  tied.tied_embeddings = true;
  const FfnMixture top1{.experts = 4, .top_k = 1, .balance_loss = 0.1, .z_loss = 0.05};
  const FfnMixture top2{.experts = 4, .top_k = 2, .renormalise = true, .balance_loss = 0.1,
                        .z_loss = 0.05};
  using enum AttentionRouting;
  using enum KeyValue;
  return {
      {"dense", small_dense()},
      {"tied", tied},
      {"btx", small_mixture(std::nullopt, top2)},
      {"expert_kv", small_mixture(attention(kSoft, kPerExpert), top1)},
      {"shared_kv", small_mixture(attention(kSoft, kShared), top2)},
      {"uniform", small_mixture(attention(kUniform, kPerExpert), top1)},
      {"top1_attention", small_mixture(attention(kTopK, kPerExpert), top1)},
      {"top2_attention_shared", small_mixture(attention(kTopK, kShared, 2, true), top2)},
  };
}

class Gradient : public ::testing::TestWithParam<Case> {};

// Of so few tokens that some experts see none.
TEST_P(Gradient, StartedAnewIsTheBitsOfOneFromZero) {
  SmallModel small(GetParam().config, Precision::kFloat32);
  const Batch batch = random_batch(small.stream, GetParam().config, 1, 3, 1);
  small.gradients(batch);
  small.add_gradients(batch);
  std::vector<std::vector<float>> zeroed;
  for (const Parameter& parameter : small.store.parameters()) {
    zeroed.push_back(to_host<float>(small.stream, parameter.gradient));
    fill(small.stream, parameter.gradient, std::numeric_limits<float>::quiet_NaN());
  }
  small.store.restart_gradients(small.stream);
  small.add_gradients(batch);
  small.add_gradients(batch);
  small.store.settle_gradients(small.stream);
  for (std::size_t i = 0; i < zeroed.size(); ++i) {
    const Parameter& parameter = small.store.parameters()[i];
    EXPECT_EQ(to_host<float>(small.stream, parameter.gradient), zeroed[i]) << parameter.spec.name();
  }
}

// Along a weight's own gradient the loss rises by |gradient|^2 a unit.
TEST_P(Gradient, IsTheSlopeOfTheLossAlongEveryWeight) {
  SmallModel small(GetParam().config, Precision::kFloat32);
  const Batch batch = random_batch(small.stream, GetParam().config, 1, 70, 1);
  small.gradients(batch);
  for (Parameter& parameter : small.store.parameters()) {
    const double square = squared_norm(small.stream, parameter.gradient);
    if (square == 0) {
      continue;
    }
    const auto value = parameter.value.span<float>();
    const auto gradient = parameter.gradient.span<float>();
    const std::vector<float> before(value.begin(), value.end());
    const double step = 4e-4 / std::sqrt(square);
    const auto loss_at = [&](double distance) {
      for (std::size_t i = 0; i < value.size(); ++i) {
        value[i] = static_cast<float>(before[i] + distance * gradient[i]);
      }
      return small.loss(batch);
    };
    const double slope = (loss_at(step) - loss_at(-step)) / (2 * step);
    loss_at(0);
    EXPECT_NEAR(slope / square, 1, 0.03) << parameter.spec.name() << " |g| " << std::sqrt(square);
  }
}

TEST_P(Gradient, IsTheSameToTheBitWhenBlocksAreRecomputed) {
  SmallModel kept(GetParam().config, Precision::kFloat32);
  SmallModel recomputed(GetParam().config, Precision::kFloat32);
  const Batch batch = random_batch(kept.stream, GetParam().config, 2, 33, 2);
  EXPECT_EQ(kept.gradients(batch, Keep::kAll), recomputed.gradients(batch, Keep::kInputsOnly));
  for (std::size_t i = 0; i < kept.store.parameters().size(); ++i) {
    const Tensor& a = kept.store.parameters()[i].gradient;
    const Tensor& b = recomputed.store.parameters()[i].gradient;
    EXPECT_EQ(std::memcmp(a.raw(), b.raw(), a.bytes()), 0)
        << kept.store.parameters()[i].spec.name();
  }
}

TEST_P(Gradient, LeadsToAnOverfittedBatch) {
  SmallModel small(GetParam().config, Precision::kFloat32);
  const Batch batch = random_batch(small.stream, GetParam().config, 1, 24, 3);
  std::vector<std::vector<float>> moments;
  double loss = 0;
  for (int step = 0; step < 500; ++step) {
    loss = small.gradients(batch);
    for (std::size_t p = 0; p < small.store.parameters().size(); ++p) {
      Parameter& parameter = small.store.parameters()[p];
      const auto value = parameter.value.span<float>();
      const auto gradient = parameter.gradient.span<float>();
      moments.resize(small.store.parameters().size());
      moments[p].resize(2 * value.size());
      for (std::size_t i = 0; i < value.size(); ++i) {  // Adam, written out
        float& m = moments[p][2 * i];
        float& v = moments[p][2 * i + 1];
        m = 0.9F * m + 0.1F * gradient[i];
        v = 0.95F * v + 0.05F * gradient[i] * gradient[i];
        value[i] -= 5e-3F * m / (std::sqrt(v) + 1e-8F);
      }
    }
  }
  Saved saved;
  small.model.forward(small.stream, batch, Keep::kNothing, saved);
  double nll = 0;
  for (const float value : small.model.losses(small.stream, batch, saved).span<float>()) {
    nll += value;
  }
  EXPECT_LT(nll / SmallModel::scored(small.stream, batch), 0.05) << "with auxiliary losses " << loss;
}

INSTANTIATE_TEST_SUITE_P(Models, Gradient, ::testing::ValuesIn(cases()),
                         [](const auto& instance) { return instance.param.name; });

// A cached continuation must be what the whole sequence gives.
TEST(Generation, GivesTheLogitsOfTheWholeSequence) {
  for (const Case& each : cases()) {
    SmallModel small(each.config, Precision::kFloat32);
    Batch batch = random_batch(small.stream, each.config, 1, 12, 4);
    std::ranges::fill(batch.document_starts.span<std::int32_t>(), 0);
    KeyValueCache whole(each.config.n_layers, 12);
    const Tensor expected = small.model.next_logits(small.stream, batch.tokens, whole);
    KeyValueCache cache(each.config.n_layers, 12);
    static_cast<void>(small.model.next_logits(small.stream, batch.tokens.slice(0, 7), cache));
    Tensor logits;
    for (std::int64_t i = 7; i < 12; ++i) {
      logits = small.model.next_logits(small.stream, batch.tokens.slice(i, i + 1), cache);
    }
    for (std::int64_t i = 0; i < each.config.vocabulary; ++i) {
      EXPECT_NEAR(logits.data<float>()[i], expected.data<float>()[i], 2e-5) << each.name;
    }
  }
}

}  // namespace
}  // namespace bam::testing
