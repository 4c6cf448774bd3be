#include "parallel/gradient_sum.h"

#include <gtest/gtest.h>

#include "model/placement.h"
#include "tests/model/small_model.h"
#include "tests/parallel/ranks.h"
#include "tests/runtime/tensors.h"

namespace bam::testing {
namespace {

ModelConfig config() {
  ModelConfig config = small_dense();
  config.vocabulary = 4 * kTileElements / config.d_model;  // embedding and output: 4 tiles each
  return config;
}

// Every rank's copy of a dense model, with gradients whose sums are exact.
class GradientSumTest : public ::testing::Test {
 protected:
  GradientSumTest() {
    for (Parameter& parameter : store_.parameters()) {
      std::vector<float> gradient(static_cast<std::size_t>(parameter.gradient.elements()));
      for (std::size_t i = 0; i < gradient.size(); ++i) {
        gradient[i] = value_at(parameter, i, world().rank());
      }
      to_device(stream_, gradient, parameter.gradient);
    }
    for (int rank = 0; rank < world().size(); ++rank) {
      all_ranks_.push_back(rank);
    }
    int next_owner = 0;
    for (const Tile& tile : tiles_of(store_.specs())) {
      Parameter* parameter = store_.find(tile.spec);
      tiles_.push_back(
          {tile, &parameter->spec, parameter, next_owner++ % world().size(), all_ranks_});
    }
  }

  static float value_at(const Parameter& parameter, std::size_t i, int rank) {
    return static_cast<float>((i * 7 + static_cast<std::size_t>(parameter.index)) % 64) +
           static_cast<float>(100 * rank);
  }

  void expect_sums_at_owners() {
    for (const SharedTile& tile : tiles_) {
      if (tile.owner != world().rank()) {
        continue;
      }
      const auto gradient = to_host<float>(stream_, tile.parameter->gradient);
      for (std::int64_t i = tile.tile.begin; i < tile.tile.end; ++i) {
        float sum = 0;
        for (int rank = 0; rank < world().size(); ++rank) {
          sum += value_at(*tile.parameter, static_cast<std::size_t>(i), rank);
        }
        ASSERT_EQ(gradient[static_cast<std::size_t>(i)], sum)
            << tile.parameter->spec.name() << " " << i;
      }
    }
  }

  Memory memory_{kind_under_test()};
  Stream stream_{memory_};
  ParameterStore store_{stream_,
                        config(),
                        round_robin(config(), 1),
                        0,
                        Precision::kFloat32,
                        ParameterStore::Gradients::kTrained};
  std::vector<int> all_ranks_;
  std::vector<SharedTile> tiles_;
};

TEST_F(GradientSumTest, GivesEachOwnerTheSumOfAllCopies) {
  GradientSum sum(world(), tiles_);
  sum.finish(stream_);
  expect_sums_at_owners();
}

TEST_F(GradientSumTest, GivesTheSameSumsWhenLayersAreReadyOneByOne) {
  GradientSum sum(world(), tiles_);
  sum.ready(stream_, [](const ParameterSpec& spec) { return spec.role == Role::kOutput; });
  for (int layer = config().n_layers - 1; layer >= 0; --layer) {
    sum.ready(stream_, [&](const ParameterSpec& spec) { return spec.layer == layer; });
  }
  sum.finish(stream_);
  expect_sums_at_owners();
}

// Buckets of one tile: one is in flight at a time here, since two exceed twice one element.
TEST_F(GradientSumTest, HasFewInboxesAtOnce) {
  GradientSum sum(world(), tiles_, /*bucket_elements=*/1);
  memory_.reset_peak();
  const std::size_t before = memory_.in_use();
  sum.finish(stream_);
  const auto tile_bytes = static_cast<std::size_t>(kTileElements) * sizeof(float);
  EXPECT_LE(memory_.peak() - before, 1.3 * tile_bytes * static_cast<double>(world().size() - 1));
  expect_sums_at_owners();
}

}  // namespace
}  // namespace bam::testing
