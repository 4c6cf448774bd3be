// The reference's own backward, against nothing but its forward.
#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/check.h"
#include "tests/reference/bridge.h"
#include "tests/reference/cases.h"
#include "tests/reference/transformer.h"

namespace bam::testing {
namespace {

// Small enough for four losses an element of every weight.
ModelConfig tiny(ModelConfig config) {
  config.vocabulary = 19;
  config.d_model = 8;
  config.n_heads = 2;
  config.n_kv_heads = std::max(1, config.n_kv_heads / 2);
  config.ffn_hidden = 5;
  config.init_std = 0.5;
  return config;
}

// Central differences of fourth order of the loss, element by element. w is left as it was.
reference::Matrix central_differences(const reference::Config& config, reference::Weights& w,
                                      const reference::Batch& batch, const std::string& name) {
  constexpr double kStep = 1e-4;
  reference::Matrix slopes = w.at(name);
  for (std::size_t i = 0; i < slopes.values.size(); ++i) {
    double& value = w.at(name).values[i];
    const double before = value;
    const auto loss_at = [&](double steps) {
      value = before + steps * kStep;
      return reference::losses(config, w, batch).total();
    };
    slopes.values[i] = (8 * (loss_at(1) - loss_at(-1)) - (loss_at(2) - loss_at(-2))) / (12 * kStep);
    value = before;
  }
  return slopes;
}

// New routers, the same for the same seed.
void draw_routers(Pair& pair, std::uint64_t seed) {
  for (const Parameter& parameter : pair.small.store.parameters()) {
    if (parameter.spec.is_router()) {
      const Tensor drawn(pair.small.stream, parameter.spec.shape, DType::kFloat32);
      fill_normal(pair.small.stream, Random(seed, parameter.spec.name()), 0.7, 0, drawn);
      pair.weights.at(parameter.spec.name()) = matrix_of(drawn);
    }
  }
}

// Whether a step of the differences changes no choice, and every weight plays a part.
bool is_good(const Pair& pair, const reference::Batch& batch) {
  if (reference::smallest_margin(pair.config, pair.weights, batch) < 1e-3) {
    return false;
  }
  const reference::Weights gradients = reference::gradients(pair.config, pair.weights, batch);
  return std::ranges::all_of(gradients, [](const auto& gradient) {
    return std::ranges::any_of(gradient.second.values, [](double value) { return value != 0; });
  });
}

// Draws the routers anew until it is good.
reference::Batch good_batch(Pair& pair) {
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    draw_routers(pair, seed);
    const reference::Batch batch =
        batch_of(random_batch(pair.small.stream, pair.small.model.config(), 2, 14, seed));
    if (is_good(pair, batch)) {
      return batch;
    }
  }
  throw Error("no random routers reach every expert");
}

class Reference : public ::testing::TestWithParam<ModelCase> {};

TEST_P(Reference, GradientOfEveryWeightIsItsCentralDifferences) {
  Pair pair(tiny(GetParam().config), Precision::kFloat32);
  const reference::Batch batch = good_batch(pair);
  for (const auto& [name, gradient] : reference::gradients(pair.config, pair.weights, batch)) {
    expect_close(gradient, central_differences(pair.config, pair.weights, batch, name), 1e-7, name);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Reference, ::testing::ValuesIn(model_cases()), name_of_case);

}  // namespace
}  // namespace bam::testing
