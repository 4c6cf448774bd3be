// What a device may not do in forward and backward: have the host wait for it more than need be, or
// give other bits the second time.
#include "tests/model/small_model.h"
#include "tests/runtime/tensors.h"

namespace bam::testing {
namespace {

using enum AttentionRouting;

constexpr int kLayers = 3;

ModelConfig with_layers(ModelConfig config) {
  config.n_layers = kLayers;
  return config;
}

ModelConfig dense() { return with_layers(small_dense()); }
ModelConfig mixture(std::optional<AttentionRouting> routing) {
  std::optional<AttentionMixture> attention;
  if (routing) {
    attention = {.experts = 4, .routing = *routing, .top_k = 2, .z_loss = 0.01};
  }
  return with_layers(
      small_mixture(attention, {.experts = 4, .top_k = 2, .balance_loss = 0.1, .z_loss = 0.05}));
}

// How often the host waits for one micro-batch, the reading of its losses left out.
std::int64_t waits_of(const ModelConfig& config, double capacity_factor) {
  SmallModel small(config, Precision::kFloat32, kind_under_test());
  const Batch batch = random_batch(small.stream, config, 4, 21, 2);
  const std::int64_t before = small.stream.waits();
  Saved saved;
  small.model.forward(small.stream, batch, Keep::kAll, saved, capacity_factor);
  small.model.losses_and_gradient(small.stream, batch, saved, 0.01);
  const double rows = static_cast<double>(batch.rows());
  small.model.backward(small.stream, batch, saved, balance_terms(config, saved.routing, 1.0, rows));
  return small.stream.waits() - before;
}

void expect_waits(const ModelConfig& config, std::int64_t on_a_gpu, double capacity_factor = 0) {
  EXPECT_EQ(waits_of(config, capacity_factor),
            kind_under_test() == DeviceKind::kCpu ? 0 : on_a_gpu);
}

TEST(DeviceStep, WaitsForNothingInADenseModel) { expect_waits(dense(), 0); }

// Once more for what the routers did, of all layers and sequences together.
TEST(DeviceStep, WaitsOnceAMixtureLayerForItsTokenCounts) {
  expect_waits(mixture(std::nullopt), kLayers + 1);
  expect_waits(mixture(kSoft), kLayers + 1);
}

TEST(DeviceStep, WaitsForNoLayerWhereExpertsHaveAFixedNumberOfRows) {
  expect_waits(mixture(std::nullopt), 1, /*capacity_factor=*/2);
  expect_waits(mixture(kSoft), 1, /*capacity_factor=*/2);
}

// Sparse attention's experts must know how many rows each of them gets.
TEST(DeviceStep, WaitsOnceMoreALayerWhereAttentionExpertsAreChosen) {
  expect_waits(mixture(kTopK), 2 * kLayers + 1);
}

std::vector<std::vector<std::byte>> gradients_of(const ModelConfig& config, Precision precision) {
  SmallModel small(config, precision, kind_under_test());
  small.gradients(random_batch(small.stream, config, 3, 41, 2));
  std::vector<std::vector<std::byte>> gradients;
  for (const Parameter& parameter : small.store.parameters()) {
    gradients.emplace_back(parameter.gradient.bytes());
    to_host(small.stream, parameter.gradient, gradients.back());
  }
  return gradients;
}

// The emulated GPU takes up blocks and threads in another order every time; a GPU in whatever order
// it likes.
TEST(DeviceStep, GivesTheSameBitsInWhateverOrderBlocksRun) {
  for (const Precision precision : {Precision::kFloat32, Precision::kBFloat16}) {
    for (const ModelConfig& config : {dense(), mixture(kSoft), mixture(kTopK)}) {
      EXPECT_TRUE(gradients_of(config, precision) == gradients_of(config, precision));
    }
  }
}

}  // namespace
}  // namespace bam::testing
