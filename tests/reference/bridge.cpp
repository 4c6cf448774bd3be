#include "tests/reference/bridge.h"

#include <gtest/gtest.h>

#include "runtime/check.h"
#include "tests/reference/transformer.h"

namespace bam::testing {
namespace {

double element(const Tensor& tensor, std::int64_t i) {
  return tensor.dtype() == DType::kFloat32
             ? static_cast<double>(tensor.data<float>()[i])
             : static_cast<double>(static_cast<float>(tensor.data<bfloat16>()[i]));
}

reference::AttentionRouting routing_of(AttentionRouting routing) {
  switch (routing) {
    case AttentionRouting::kSoft:
      return reference::AttentionRouting::kSoft;
    case AttentionRouting::kTopK:
      return reference::AttentionRouting::kTopK;
    case AttentionRouting::kUniform:
      return reference::AttentionRouting::kUniform;
  }
  return {};
}

double norm_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) {
    sum += value * value;
  }
  return std::sqrt(sum);
}

std::vector<int> ints_of(const Tensor& tensor) {
  const auto values = tensor.span<std::int32_t>();
  return {values.begin(), values.end()};
}

}  // namespace

reference::Matrix matrix_of(const Tensor& tensor) {
  const bool flat = tensor.shape().size() == 1;
  reference::Matrix matrix(flat ? 1 : static_cast<int>(tensor.rows()),
                           static_cast<int>(flat ? tensor.rows() : tensor.cols()));
  for (std::int64_t i = 0; i < tensor.elements(); ++i) {
    matrix.values[static_cast<std::size_t>(i)] = element(tensor, i);
  }
  return matrix;
}

reference::Config config_of(const ModelConfig& config) {
  reference::Config out{.d_model = static_cast<int>(config.d_model),
                        .layers = config.n_layers,
                        .heads = config.n_heads,
                        .kv_heads = config.n_kv_heads,
                        .tied = config.tied_embeddings,
                        .theta = config.rope_theta,
                        .epsilon = config.norm_epsilon,
                        .attention = {},
                        .ffn = {}};
  if (config.has_attention_experts()) {
    const AttentionMixture& mixture = *config.mixture->attention;
    out.attention = {.experts = mixture.experts,
                     .routing = routing_of(mixture.routing),
                     .top_k = mixture.top_k,
                     .shared_kv = mixture.key_value == KeyValue::kShared,
                     .renormalise = mixture.renormalise,
                     .beta = mixture.z_loss};
  }
  if (config.mixture) {
    const FfnMixture& mixture = config.mixture->ffn;
    out.ffn = {.experts = mixture.experts,
               .top_k = mixture.top_k,
               .renormalise = mixture.renormalise,
               .alpha = mixture.balance_loss,
               .beta = mixture.z_loss};
  }
  return out;
}

reference::Batch batch_of(const Batch& batch) {
  return {.length = static_cast<int>(batch.length),
          .tokens = ints_of(batch.tokens),
          .targets = ints_of(batch.targets),
          .starts = ints_of(batch.document_starts)};
}

reference::Weights weights_of(const ParameterStore& store) {
  reference::Weights weights;
  for (const Parameter& parameter : store.parameters()) {
    weights.emplace(parameter.spec.name(), matrix_of(parameter.value));
  }
  return weights;
}

reference::Weights gradients_of(const ParameterStore& store) {
  reference::Weights gradients;
  for (const Parameter& parameter : store.parameters()) {
    gradients.emplace(parameter.spec.name(), matrix_of(parameter.gradient));
  }
  return gradients;
}

double relative_error(const reference::Matrix& found, const reference::Matrix& expected) {
  std::vector<double> difference = found.values;
  for (std::size_t i = 0; i < difference.size(); ++i) {
    difference[i] -= expected.values.at(i);
  }
  const double distance = norm_of(difference);
  return distance == 0 ? 0 : distance / norm_of(expected.values);
}

void expect_close(const reference::Matrix& found, const reference::Matrix& expected, double bound,
                  const std::string& what) {
  ASSERT_EQ(found.values.size(), expected.values.size()) << what;
  EXPECT_LE(relative_error(found, expected), bound)
      << what << ", of norm " << norm_of(expected.values);
}

void expect_close(const reference::Weights& found, const reference::Weights& expected,
                  double bound) {
  std::vector<double> all;
  for (const auto& [name, matrix] : expected) {
    all.insert(all.end(), matrix.values.begin(), matrix.values.end());
  }
  for (const auto& [name, matrix] : expected) {
    if (norm_of(matrix.values) > 0) {
      expect_close(found.at(name), matrix, bound, name);
    } else {
      EXPECT_LE(norm_of(found.at(name).values), bound * norm_of(all)) << name;
    }
  }
}

Pair::Pair(const ModelConfig& model_config, Precision precision)
    : small(model_config, precision), config(config_of(model_config)) {
  vary_norms(small);
  weights = weights_of(small.store);
}

Batch Pair::clear_batch(std::int64_t sequences, std::int64_t length, double margin) {
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    Batch batch = random_batch(small.stream, small.model.config(), sequences, length, seed);
    if (reference::smallest_margin(config, weights, batch_of(batch)) > margin) {
      return batch;
    }
  }
  throw Error("no random batch has so clear choices");
}

}  // namespace bam::testing
