// A checkpoint saved on some ranks is gone on from on others: the next losses are the same to
// rounding.
#include <gtest/gtest.h>

#include "io/text_file.h"
#include "tests/launch/run_comparison.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

struct RanksOfRun {
  int ranks;
  int expert_parallel;
};

constexpr int kSaved = SmallWorld::kSteps / 2;  // the step both go on from

/// Trains to the end on `first`; then from the checkpoint in the middle on `then`.
void expect_same_losses(const std::string& config, RanksOfRun first, RanksOfRun then) {
  const TemporaryFolder folder;
  const auto run = [&](const fs::path& out, RanksOfRun on) {
    expect_code(
        0,
        on_ranks(on.ranks,
                 train(config, out,
                       settings({"parallel.expert_parallel=" + std::to_string(on.expert_parallel),
                                 "checkpoint.every=" + std::to_string(kSaved)}))));
  };
  run(folder / "first", first);
  const std::string saved = "step-" + std::to_string(kSaved);
  fs::create_directories(folder / "then");
  fs::copy(folder / "first" / saved, folder / "then" / saved);
  write_file(folder / "then" / "latest", saved + "\n");
  run(folder / "then", then);

  const auto losses = series(folder / "first", "loss");
  const auto norms = series(folder / "first", "gradient_norm");
  const auto later_losses = series(folder / "then", "loss");
  const auto later_norms = series(folder / "then", "gradient_norm");
  ASSERT_EQ(losses.size(), std::size_t{SmallWorld::kSteps});
  ASSERT_EQ(later_losses.size(), losses.size() - kSaved);
  for (std::size_t i = 0; i < later_losses.size(); ++i) {
    EXPECT_NEAR(later_losses[i], losses[kSaved + i], 1e-5 * losses[kSaved + i]);
    EXPECT_NEAR(later_norms[i], norms[kSaved + i], 1e-4 * norms[kSaved + i]);
  }
}

TEST(OtherLayout, DenseFromOneRankToTwo) {
  expect_same_losses(SmallWorld::get().dense(), {1, 1}, {2, 2});
}

TEST(OtherLayout, ExpertKvFromTwoRanksToThree) {
  expect_same_losses(SmallWorld::get().expert_kv(), {2, 2}, {3, 3});
}

TEST(OtherLayout, SharedKvFromTwoGroupsOfTwoRanksToOneRank) {
  expect_same_losses(SmallWorld::get().shared_kv(), {4, 2}, {1, 1});
}

}  // namespace
}  // namespace bam
