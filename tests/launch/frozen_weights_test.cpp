// What `training.trainable` freezes stays as it was to the last bit; the rest moves.
#include <gtest/gtest.h>

#include "io/checkpoint_reader.h"
#include "tests/launch/small_world.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

std::vector<float> values_of(const CheckpointReader& checkpoint, const ParameterSpec& spec) {
  std::vector<float> values(static_cast<std::size_t>(spec.elements()));
  checkpoint.read(StateKind::kWeight, spec, 0, spec.elements(), values);
  return values;
}

/// A mixture of random weights, made once.
struct Start {
  TemporaryFolder folder;
  Start() {
    expect_code(0, on_ranks(2, train(SmallWorld::get().expert_kv(), folder.path(),
                                     settings({"training.steps=1"}))));
  }
};
const TemporaryFolder& start() {
  static const Start made;
  return made.folder;
}

/// Trained on two ranks with what `trainable` allows, exactly the weights that `moves` picks have
/// changed and have moments.
template <class Moves>
void expect_moved(const std::string& trainable, Moves moves) {
  const TemporaryFolder folder;
  expect_code(0, on_ranks(2, train(SmallWorld::get().expert_kv(), folder.path(),
                                   settings({"init_from=" + start().path().string(),
                                             "training.trainable=" + trainable}))));
  const CheckpointReader before(start().path());
  const CheckpointReader after(folder.path());
  for (const ParameterSpec& spec : after.specs()) {
    EXPECT_EQ(values_of(before, spec) != values_of(after, spec), moves(spec)) << spec.name();
    EXPECT_EQ(after.has(StateKind::kFirstMoment, spec), moves(spec)) << spec.name();
  }
}

TEST(FrozenWeights, RoutersOnlyMovesTheRouters) {
  expect_moved("ROUTERS_ONLY", [](const ParameterSpec& spec) { return spec.is_router(); });
}

TEST(FrozenWeights, RoutersAndSharedMovesAllButTheExperts) {
  expect_moved("ROUTERS_AND_SHARED", [](const ParameterSpec& spec) { return !spec.is_expert(); });
}

TEST(FrozenWeights, AllMovesAll) {
  expect_moved("ALL", [](const ParameterSpec&) { return true; });
}

TEST(FrozenWeights, ADenseModelHasNoRoutersToTrain) {
  const TemporaryFolder folder;
  const Outcome outcome =
      expect_code(2, alone(train(SmallWorld::get().dense(), folder / "out",
                                 settings({"training.trainable=ROUTERS_ONLY"}))));
  EXPECT_NE(outcome.err.find("training.trainable: ROUTERS_ONLY"), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace bam
