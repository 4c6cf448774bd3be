#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <vector>

#include "tests/model/small_model.h"

namespace bam::testing {

/// One kind of model.
struct ModelCase {
  const char* name;
  ModelConfig config;
};

inline void PrintTo(const ModelCase& each, std::ostream* out) { *out << each.name; }

/// Every kind of model: dense and mixed, each way to route attention and to keep keys and values,
/// gates renormalised or not, all auxiliary losses on. Weights are large enough that no softmax is
/// flat.
inline std::vector<ModelCase> model_cases() {
  using enum AttentionRouting;
  using enum KeyValue;
  const auto attention = [](AttentionRouting routing, KeyValue kv, int k = 1, bool scaled = false) {
    return AttentionMixture{.experts = 4,
                            .routing = routing,
                            .top_k = k,
                            .key_value = kv,
                            .renormalise = scaled,
                            .z_loss = 0.03};
  };
  const FfnMixture top1{.experts = 4, .top_k = 1, .balance_loss = 0.1, .z_loss = 0.05};
  const FfnMixture top2{.experts = 5, .top_k = 2, .balance_loss = 0.1, .z_loss = 0.05};
  const FfnMixture btx{
      .experts = 4, .top_k = 2, .renormalise = true, .balance_loss = 0.1, .z_loss = 0.05};
  std::vector<ModelCase> cases = {
      {"dense", small_dense()},
      {"tied", small_dense()},
      {"grouped_queries", small_dense()},
      {"btx_top2_renormalised", small_mixture(std::nullopt, btx)},
      {"expert_kv", small_mixture(attention(kSoft, kPerExpert), top1)},
      {"shared_kv", small_mixture(attention(kSoft, kShared), top2)},
      {"uniform", small_mixture(attention(kUniform, kPerExpert), top1)},
      {"uniform_shared_kv", small_mixture(attention(kUniform, kShared), btx)},
      {"top1_attention", small_mixture(attention(kTopK, kPerExpert), top2)},
      {"top2_attention_renormalised", small_mixture(attention(kTopK, kPerExpert, 2, true), top1)},
      {"top2_attention_shared_kv", small_mixture(attention(kTopK, kShared, 2), btx)},
      {"top3_attention_shared_kv_renormalised",
       small_mixture(attention(kTopK, kShared, 3, true), top1)},
  };
  for (ModelCase& each : cases) {
    each.config.init_std = 0.25;
  }
  cases[0].config.n_kv_heads = cases[0].config.n_heads;
  cases[1].config.tied_embeddings = true;
  cases[2].config.n_kv_heads = 1;
  return cases;
}

/// Names of parameterised tests.
inline std::string name_of_case(const ::testing::TestParamInfo<ModelCase>& info) {
  return info.param.name;
}

}  // namespace bam::testing
