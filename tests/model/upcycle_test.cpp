#include <gtest/gtest.h>

#include "model/upcycle.h"
#include "runtime/check.h"

namespace bam {
namespace {

ModelConfig dense_model() {
  return {.vocabulary = 11, .d_model = 8, .n_layers = 1, .n_heads = 2, .n_kv_heads = 1,
          .ffn_hidden = 6, .mixture = {}};
}

ModelConfig mixture_of(int ffn_experts, std::optional<KeyValue> attention) {
  ModelConfig config = dense_model();
  config.mixture.emplace();
  config.mixture->ffn.experts = ffn_experts;
  if (attention) {
    config.mixture->attention = AttentionMixture{.experts = 3, .key_value = *attention};
  }
  return config;
}

/// "copy 2", "average" or "random".
std::string rule(const ModelConfig& config, const std::string& name) {
  for (const ParameterSpec& spec : parameter_specs(config)) {
    if (spec.name() == name) {
      const Origin origin = origin_of(spec, 3);
      switch (origin.how) {
        case Origin::How::kCopy: return "copy " + std::to_string(origin.parent);
        case Origin::How::kAverage: return "average";
        case Origin::How::kRandom: return "random";
      }
    }
  }
  return "no such weight";
}

TEST(Upcycle, FollowsThePapersTable) {
  const ModelConfig expert_kv = mixture_of(3, KeyValue::kPerExpert);
  const ModelConfig shared_kv = mixture_of(3, KeyValue::kShared);
  const ModelConfig btx = mixture_of(3, std::nullopt);
  for (const ModelConfig& config : {expert_kv, shared_kv, btx}) {
    for (const char* name : {"embedding", "output", "final_norm", "layers.0.norm"}) {
      EXPECT_EQ(rule(config, name), "average") << name;
    }
    EXPECT_EQ(rule(config, "layers.0.ffn_router"), "random");
    EXPECT_EQ(rule(config, "layers.0.ffn.gate[0]"), "copy 0");
    EXPECT_EQ(rule(config, "layers.0.ffn.down[2]"), "copy 2");
  }
  EXPECT_EQ(rule(expert_kv, "layers.0.attention_router"), "random");
  EXPECT_EQ(rule(expert_kv, "layers.0.attention.q[1]"), "copy 1");
  EXPECT_EQ(rule(expert_kv, "layers.0.attention.k[2]"), "copy 2");
  EXPECT_EQ(rule(shared_kv, "layers.0.attention.o[1]"), "copy 1");
  EXPECT_EQ(rule(shared_kv, "layers.0.attention.k"), "average");
  EXPECT_EQ(rule(shared_kv, "layers.0.attention.v"), "average");
  EXPECT_EQ(rule(btx, "layers.0.attention.q"), "average");
}

TEST(Upcycle, ExpertsBeyondTheParentsAreTheSeeds) {
  const ModelConfig btx = mixture_of(5, std::nullopt);
  EXPECT_EQ(rule(btx, "layers.0.ffn.up[2]"), "copy 2");
  EXPECT_EQ(rule(btx, "layers.0.ffn.up[3]"), "copy 0");
  EXPECT_EQ(rule(btx, "layers.0.ffn.up[4]"), "copy 0");
}

TEST(Upcycle, CountsParents) {
  EXPECT_NO_THROW(validate_upcycle(mixture_of(3, KeyValue::kPerExpert), 3));
  EXPECT_NO_THROW(validate_upcycle(mixture_of(6, std::nullopt), 3));
  EXPECT_THROW(validate_upcycle(mixture_of(3, KeyValue::kPerExpert), 2), BadInput);
  EXPECT_THROW(validate_upcycle(mixture_of(2, std::nullopt), 3), BadInput);
  EXPECT_THROW(validate_upcycle(mixture_of(2, std::nullopt), 1), BadInput);
  EXPECT_THROW(validate_upcycle(dense_model(), 3), BadInput);
}

TEST(Upcycle, NamesAParentsDifference) {
  const ModelConfig mixture = mixture_of(3, KeyValue::kShared);
  EXPECT_NO_THROW(validate_parent(mixture, dense_model(), "law"));
  ModelConfig other = dense_model();
  other.ffn_hidden = 7;
  try {
    validate_parent(mixture, other, "law");
    FAIL();
  } catch (const BadInput& error) {
    EXPECT_STREQ(error.what(), "law: differs from the mixture in ffn_hidden: 7 against 6");
  }
  EXPECT_THROW(validate_parent(mixture, mixture, "law"), BadInput);
}

}  // namespace
}  // namespace bam
