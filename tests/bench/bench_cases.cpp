#include "tests/bench/bench_cases.h"

namespace bam::bench {
namespace {

// Heads of 64; SwiGLU's hidden width is the usual 8/3 of d_model, rounded up to a multiple of 64.
BenchCase small() {
  return {.name = "small",
          .config = {.vocabulary = 4096,
                     .d_model = 256,
                     .n_layers = 6,
                     .n_heads = 4,
                     .n_kv_heads = 4,
                     .ffn_hidden = 704,
                     .mixture = std::nullopt},
          .length = 256};
}

BenchCase medium() {
  return {.name = "medium",
          .config = {.vocabulary = 8192,
                     .d_model = 512,
                     .n_layers = 8,
                     .n_heads = 8,
                     .n_kv_heads = 8,
                     .ffn_hidden = 1408,
                     .mixture = std::nullopt},
          .length = 512};
}

MixtureConfig bam_mixture(KeyValue key_value) {
  return {.attention = AttentionMixture{.experts = 4, .key_value = key_value},
          .ffn = {.experts = 4, .top_k = 1}};
}

MixtureConfig btx_mixture(int top_k) {
  return {.attention = std::nullopt, .ffn = {.experts = 6, .top_k = top_k, .renormalise = true}};
}

}  // namespace

std::vector<BenchCase> bench_cases() {
  struct Kind {
    std::string name;
    std::optional<MixtureConfig> mixture;
  };
  const std::vector<Kind> kinds = {{"dense", std::nullopt},
                                   {"bam-expert-kv", bam_mixture(KeyValue::kPerExpert)},
                                   {"bam-shared-kv", bam_mixture(KeyValue::kShared)},
                                   {"btx-top-1", btx_mixture(1)},
                                   {"btx-top-3", btx_mixture(3)}};
  std::vector<BenchCase> cases;
  for (const BenchCase& size : {small(), medium()}) {
    for (const Kind& kind : kinds) {
      BenchCase each = size;
      each.name = kind.name + "-" + size.name;
      each.config.mixture = kind.mixture;
      cases.push_back(std::move(each));
    }
  }
  return cases;
}

}  // namespace bam::bench
