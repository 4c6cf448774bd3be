#pragma once

#include <cmath>
#include <optional>

#include "model/transformer.h"
#include "runtime/cross_entropy.h"
#include "runtime/elementwise.h"
#include "runtime/host.h"
#include "runtime/random.h"

namespace bam::testing {

/// A dense model small enough for exact comparisons, with grouped-query attention.
inline ModelConfig small_dense() {
  return {.vocabulary = 50,
          .d_model = 32,
          .n_layers = 2,
          .n_heads = 4,
          .n_kv_heads = 2,
          .ffn_hidden = 48,
          .init_std = 0.1,
          .mixture = std::nullopt};
}

/// The same as a mixture; `attention` absent: BTX.
inline ModelConfig small_mixture(std::optional<AttentionMixture> attention, FfnMixture ffn) {
  ModelConfig config = small_dense();
  config.mixture = MixtureConfig{.attention = attention, .ffn = ffn, .router_init_std = 0.3};
  return config;
}

/// Random tokens, a document edge in each sequence, a few unscored targets.
inline Batch random_batch(Stream& stream, const ModelConfig& config, std::int64_t sequences,
                          std::int64_t length, std::uint64_t seed) {
  const std::int64_t n = sequences * length;
  std::vector<std::int32_t> tokens, targets, starts;
  const Random random(seed, "batch");
  for (std::int64_t i = 0; i < n; ++i) {
    const auto draw = [&](std::int64_t index) {
      return static_cast<std::int32_t>(random.uniform(static_cast<std::uint64_t>(index)) *
                                       static_cast<double>(config.vocabulary));
    };
    const std::int64_t edge = length / 3;
    tokens.push_back(draw(2 * i));
    targets.push_back(i % 11 == 3 ? kNotScored : draw(2 * i + 1));
    starts.push_back(
        static_cast<std::int32_t>(i / length * length + (i % length >= edge ? edge : 0)));
  }
  return {.sequences = sequences,
          .length = length,
          .tokens = to_device(stream, {n}, tokens),
          .targets = to_device(stream, {n}, targets),
          .document_starts = to_device(stream, {n}, starts),
          .domains = std::vector<int>(static_cast<std::size_t>(sequences)),
          .rank_sequences = {sequences},
          .rank_documents = {2 * sequences}};
}

/// A model of one rank with its weights and gradients.
class SmallModel {
 public:
  SmallModel(const ModelConfig& config, Precision precision, DeviceKind device = DeviceKind::kCpu)
      : memory(device),
        stream(memory),
        placement(round_robin(config, 1)),
        store(stream, config, placement, 0, precision, ParameterStore::Gradients::kTrained),
        model(stream, config, store, placement, exchange, {.precision = precision}) {
    for (Parameter& parameter : store.parameters()) {
      const Tensor values = initial_values(stream, parameter.spec, 7, 0, parameter.spec.elements());
      copy(stream, values, parameter.value);
    }
  }

  /// Loss with its auxiliary terms.
  double loss(const Batch& batch) {
    Saved saved;
    model.forward(stream, batch, Keep::kNothing, saved);
    return total(model.losses(stream, batch, saved), batch, saved);
  }

  /// The same; gradients are replaced.
  double gradients(const Batch& batch, Keep keep = Keep::kAll) {
    store.zero_gradients(stream);
    return add_gradients(batch, keep);
  }

  /// The same; gradients are added to.
  double add_gradients(const Batch& batch, Keep keep = Keep::kAll) {
    Saved saved;
    model.forward(stream, batch, keep, saved);
    const Tensor losses =
        model.losses_and_gradient(stream, batch, saved, 1.0 / scored(stream, batch));
    const double value = total(losses, batch, saved);
    const auto terms =
        balance_terms(model.config(), saved.routing, 1.0, static_cast<double>(batch.rows()));
    model.backward(stream, batch, saved, terms);
    return value;
  }

  static double scored(Stream& stream, const Batch& batch) {
    double count = 0;
    for (const std::int32_t target : to_host<std::int32_t>(stream, batch.targets)) {
      count += target == kNotScored ? 0 : 1;
    }
    return count;
  }

  Memory memory;
  Stream stream;
  LocalExchange exchange;
  Placement placement;
  ParameterStore store;
  Transformer model;

 private:
  double total(const Tensor& losses, const Batch& batch, const Saved& saved) {
    double sum = 0;
    for (const float loss : to_host<float>(stream, losses)) {
      sum += loss;
    }
    const AuxiliaryLoss auxiliary = auxiliary_loss(model.config(), saved.routing);
    return sum / scored(stream, batch) + auxiliary.balance + auxiliary.z;
  }
};

/// Draws the norms' weights around 1, so that what leaves them out is seen.
inline void vary_norms(SmallModel& small) {
  for (Parameter& parameter : small.store.parameters()) {
    if (parameter.spec.role == Role::kNorm) {
      const Tensor deviation(small.stream, parameter.spec.shape, DType::kFloat32);
      fill_normal(small.stream, Random(5, parameter.spec.name()), 0.3, 0, deviation);
      add(small.stream, deviation, parameter.value);
    }
  }
}

}  // namespace bam::testing
