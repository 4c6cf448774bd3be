// Upcycling copies of one dense model gives that model again wherever the gates sum to 1, whatever
// the routers say.
#include <gtest/gtest.h>

#include "model/upcycle.h"
#include "runtime/gated_block.h"
#include "runtime/matmul.h"
#include "tests/model/small_model.h"

namespace bam::testing {
namespace {

constexpr int kParents = 4;

struct Case {
  const char* name;
  ModelConfig config;
};

void PrintTo(const Case& each, std::ostream* out) { *out << each.name; }

ModelConfig dense_config() {
  ModelConfig config = small_dense();
  config.init_std = 0.25;
  return config;
}

ModelConfig mixture_config(std::optional<AttentionMixture> attention, FfnMixture ffn) {
  ModelConfig config = dense_config();
  config.mixture = MixtureConfig{.attention = attention, .ffn = ffn, .router_init_std = 0.5};
  return config;
}

std::vector<Case> cases() {
  using enum AttentionRouting;
  using enum KeyValue;
  const auto attention = [](AttentionRouting routing, KeyValue kv, int k = 1, bool scaled = false) {
    return AttentionMixture{.experts = kParents,
                            .routing = routing,
                            .top_k = k,
                            .key_value = kv,
                            .renormalise = scaled};
  };
  const FfnMixture all{.experts = 4, .top_k = 4};
  const FfnMixture top1{.experts = 4, .top_k = 1, .renormalise = true};
  const FfnMixture top2{.experts = 6, .top_k = 2, .renormalise = true};
  return {
      {"soft_expert_kv", mixture_config(attention(kSoft, kPerExpert), all)},
      {"soft_shared_kv", mixture_config(attention(kSoft, kShared), top1)},
      {"uniform_expert_kv", mixture_config(attention(kUniform, kPerExpert), top2)},
      {"uniform_shared_kv", mixture_config(attention(kUniform, kShared), all)},
      {"top1_attention_renormalised", mixture_config(attention(kTopK, kPerExpert, 1, true), top1)},
      {"top2_attention_renormalised", mixture_config(attention(kTopK, kShared, 2, true), all)},
      {"top_all_attention", mixture_config(attention(kTopK, kPerExpert, 4), top2)},
      {"btx_top_all", mixture_config(std::nullopt, {.experts = 6, .top_k = 6})},
      {"btx_top1_renormalised", mixture_config(std::nullopt, top1)},
      {"btx_top2_renormalised", mixture_config(std::nullopt, top2)},
  };
}

Tensor average(Stream& stream, const std::vector<Tensor>& values) {
  Tensor mean(stream, values.front().shape(), DType::kFloat32);
  for (std::int64_t i = 0; i < mean.elements(); ++i) {
    double sum = 0;
    for (const Tensor& each : values) {
      sum += static_cast<double>(each.data<float>()[i]);
    }
    mean.data<float>()[i] = static_cast<float>(sum / static_cast<double>(values.size()));
  }
  return mean;
}

// One weight of a mixture of these parents.
Tensor upcycled(Stream& stream, const ParameterSpec& spec,
                const std::vector<const SmallModel*>& parents) {
  const Origin origin = origin_of(spec, static_cast<int>(parents.size()));
  if (origin.how == Origin::How::kRandom) {
    return initial_values(stream, spec, 8, 0, spec.elements());
  }
  std::vector<Tensor> values;
  for (const SmallModel* parent : parents) {
    values.push_back(parent->store.at(spec.tensor).value);
  }
  return origin.how == Origin::How::kAverage ? average(stream, values)
                                             : values.at(static_cast<std::size_t>(origin.parent));
}

// Makes `mixture` of kParents copies of `dense`.
void upcycle(const SmallModel& dense, SmallModel& mixture) {
  const std::vector<const SmallModel*> parents(kParents, &dense);
  for (Parameter& parameter : mixture.store.parameters()) {
    copy(mixture.stream, upcycled(mixture.stream, parameter.spec, parents), parameter.value);
  }
}

// (n, vocabulary) of every row.
Tensor logits(SmallModel& small, const Batch& batch) {
  Saved saved;
  small.model.forward(small.stream, batch, Keep::kNothing, saved);
  Tensor out(small.stream, {batch.rows(), small.model.config().vocabulary}, DType::kFloat32);
  matmul(small.stream, saved.hidden, transposed(small.store.at("output").value), out);
  return out;
}

float largest(std::span<const float> values) {
  float size = 0;
  for (const float value : values) {
    size = std::max(size, std::abs(value));
  }
  return size;
}

// |found - expected|, element by element, at most 1e-5 of the largest expected.
void expect_same(std::span<const float> found, std::span<const float> expected) {
  ASSERT_EQ(found.size(), expected.size());
  std::vector<float> difference(found.begin(), found.end());
  for (std::size_t i = 0; i < difference.size(); ++i) {
    difference[i] -= expected[i];
  }
  EXPECT_LE(largest(difference), 1e-5F * largest(expected));
}

class Identity : public ::testing::TestWithParam<Case> {};

TEST_P(Identity, OfAMixtureOfCopiesWithTheDenseModel) {
  validate_upcycle(GetParam().config, kParents);
  SmallModel dense(dense_config(), Precision::kFloat32);
  vary_norms(dense);
  SmallModel mixture(GetParam().config, Precision::kFloat32);
  upcycle(dense, mixture);
  const Batch batch = random_batch(dense.stream, dense.model.config(), 2, 33, 1);
  expect_same(logits(mixture, batch).span<float>(), logits(dense, batch).span<float>());
}

INSTANTIATE_TEST_SUITE_P(Mixtures, Identity, ::testing::ValuesIn(cases()),
                         [](const auto& instance) { return instance.param.name; });

// FFN(h) (n, d_model) of layer 0.
Tensor ffn(SmallModel& small, const Tensor& h, FfnLayerSaved& saved) {
  const FfnLayer layer(small.model.config(), small.store, small.placement, 0, small.exchange);
  Tensor sum(small.stream, h.shape(), DType::kFloat32);
  fill_zero(small.stream, sum);
  if (layer.is_dense()) {
    const Tensor zeros = sum;
    sum = Tensor(small.stream, h.shape(), DType::kFloat32);
    layer.dense(small.stream, h, saved, zeros, sum);
    return sum;
  }
  FfnFlight flight;
  layer.start(small.stream, /*capacity=*/{}, h, saved, flight);
  layer.arrivals(small.stream, saved, flight);
  layer.own(small.stream, saved, flight);
  layer.finish(small.stream, saved, flight, sum);
  return sum;
}

TEST(Identity, OfAnUnscaledTopOneFfnIsUpToItsGate) {
  SmallModel dense(dense_config(), Precision::kFloat32);
  SmallModel mixture(mixture_config(std::nullopt, {.experts = kParents}), Precision::kFloat32);
  upcycle(dense, mixture);
  const Tensor h(dense.stream, {66, 32}, DType::kFloat32);
  fill_normal(dense.stream, Random(1, "h"), 1.0, 0, h);
  FfnLayerSaved unused;
  FfnLayerSaved routed;
  const Tensor expected = ffn(dense, h, unused);
  const Tensor found = ffn(mixture, h, routed);
  const Tensor gated(dense.stream, expected.shape(), DType::kFloat32);
  weigh(dense.stream, {expected, expected.cols(), 0, routed.router.gates, 0}, gated);
  EXPECT_LT(largest(routed.router.gates.span<float>()), 1);
  expect_same(found.span<float>(), gated.span<float>());
}

}  // namespace
}  // namespace bam::testing
