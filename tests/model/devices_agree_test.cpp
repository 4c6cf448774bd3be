// A whole model on the device under test against the same on a CPU: loss, and the gradient of every
// weight. (On a CPU it is held against itself.)
#include "tests/model/small_model.h"
#include "tests/runtime/tensors.h"

namespace bam::testing {
namespace {

struct Case {
  const char* name;
  ModelConfig config;
};

void PrintTo(const Case& each, std::ostream* out) { *out << each.name; }

std::vector<Case> cases() {
  using enum AttentionRouting;
  using enum KeyValue;
  const auto attention = [](AttentionRouting routing, KeyValue kv, int k) {
    return AttentionMixture{
        .experts = 4, .routing = routing, .top_k = k, .key_value = kv, .z_loss = 0.01};
  };
  const FfnMixture top1{.experts = 4, .top_k = 1, .balance_loss = 0.1, .z_loss = 0.05};
  const FfnMixture top2{
      .experts = 4, .top_k = 2, .renormalise = true, .balance_loss = 0.1, .z_loss = 0.05};
  const FfnMixture all{.experts = 2, .top_k = 2, .balance_loss = 0.1, .z_loss = 0.05};
  ModelConfig wide_heads = small_mixture(attention(kSoft, kPerExpert, 1), all);
  wide_heads.d_model = 64;  // heads of 16, as cuDNN takes them
  return {{"dense", small_dense()},
          {"btx", small_mixture(std::nullopt, top2)},
          {"expert_kv", small_mixture(attention(kSoft, kPerExpert, 1), top1)},
          {"shared_kv", small_mixture(attention(kSoft, kShared, 1), top2)},
          {"expert_kv_all_ffns", small_mixture(attention(kSoft, kPerExpert, 1), all)},
          {"shared_kv_all_ffns", small_mixture(attention(kSoft, kShared, 1), all)},
          {"wide_heads", wide_heads},
          {"uniform", small_mixture(attention(kUniform, kPerExpert, 1), top1)},
          {"top2_attention", small_mixture(attention(kTopK, kPerExpert, 2), top1)}};
}

// |a - b| / |b|, both as one vector.
double distance(const std::vector<double>& a, const std::vector<double>& b) {
  double difference = 0;
  double length = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    length += b[i] * b[i];
  }
  return std::sqrt(difference / std::max(length, 1e-30));
}

class ModelOnDevices : public ::testing::TestWithParam<Case> {
 protected:
  static void expect_agreement(Precision precision, double tolerance) {
    SmallModel on_cpu(GetParam().config, precision);
    SmallModel on_device(GetParam().config, precision, kind_under_test());
    const auto loss_of = [](SmallModel& small) {
      return small.gradients(random_batch(small.stream, small.model.config(), 2, 37, 2));
    };
    const double expected = loss_of(on_cpu);
    EXPECT_NEAR(loss_of(on_device), expected, tolerance * expected);
    for (std::size_t i = 0; i < on_cpu.store.parameters().size(); ++i) {
      const Parameter& parameter = on_cpu.store.parameters()[i];
      const auto found = values_of(on_device.stream, on_device.store.parameters()[i].gradient);
      EXPECT_LT(distance(found, values_of(on_cpu.stream, parameter.gradient)), tolerance)
          << parameter.spec.name();
    }
  }
};

TEST_P(ModelOnDevices, AgreesInFp32) { expect_agreement(Precision::kFloat32, 1e-4); }

// bf16 rounds the same numbers, but after sums in another order: a choice of expert may turn out
// otherwise where two gates are close, so only models without choices are held to it.
TEST_P(ModelOnDevices, AgreesInBfloat16) {
  const auto& mixture = GetParam().config.mixture;
  if (mixture && mixture->ffn.top_k < mixture->ffn.experts) {
    GTEST_SKIP() << "chooses experts";
  }
  expect_agreement(Precision::kBFloat16, 2e-2);
}

INSTANTIATE_TEST_SUITE_P(Models, ModelOnDevices, ::testing::ValuesIn(cases()),
                         [](const auto& instance) { return std::string(instance.param.name); });

}  // namespace
}  // namespace bam::testing
