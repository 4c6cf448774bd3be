// Checkpoints that are written while training goes on are those that are written while it waits.
#include <gtest/gtest.h>

#include "io/checkpoint_reader.h"
#include "io/metrics_reader.h"
#include "io/retention.h"
#include "io/text_file.h"
#include "tests/launch/run_comparison.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMiddle = "step-4";

class BackgroundSave : public testing::TestWithParam<int> {
 protected:
  Outcome run(const fs::path& out, const std::string& in_background) const {
    const Words more = settings({"checkpoint.every=2", "checkpoint.keep_last=0",
                                 "checkpoint.in_background=" + in_background});
    return expect_code(0, on_ranks(GetParam(), train(SmallWorld::get().expert_kv(), out, more)));
  }
  std::string data(const fs::path& out, std::int64_t step) const {
    return read_file(out / step_folder(step) / kDataFile);
  }

  TemporaryFolder folder_;
};

TEST_P(BackgroundSave, WritesTheBytesThatWaitingWrites) {
  run(folder_ / "meanwhile", "true");
  run(folder_ / "waiting", "false");
  EXPECT_EQ(steps_in(folder_ / "meanwhile"), (std::vector<std::int64_t>{2, 4, 6, 8}));
  for (const std::int64_t step : steps_in(folder_ / "meanwhile")) {
    EXPECT_GT(CheckpointReader(folder_ / "meanwhile" / step_folder(step)).verify(), 0);
    EXPECT_TRUE(data(folder_ / "meanwhile", step) == data(folder_ / "waiting", step)) << step;
  }
}

TEST_P(BackgroundSave, IsGoneOnFromBitForBit) {
  run(folder_ / "whole", "true");
  fs::create_directories(folder_ / "later");
  fs::copy(folder_ / "whole" / kMiddle, folder_ / "later" / kMiddle);
  write_file(folder_ / "later" / kLatestFile, std::string(kMiddle) + "\n");
  run(folder_ / "later", "true");
  expect_same_checkpoint(folder_ / "whole", folder_ / "later");
  const auto losses = series(folder_ / "whole", "loss");
  const auto later = series(folder_ / "later", "loss");
  ASSERT_EQ(later.size(), losses.size() - 4);
  EXPECT_TRUE(std::equal(later.begin(), later.end(), losses.begin() + 4));
}

TEST_P(BackgroundSave, TellsWhatItCost) {
  const Outcome outcome = run(folder_ / "run", "true");
  EXPECT_NE(outcome.out.find("step-8: "), std::string::npos) << outcome.out;
  std::vector<std::int64_t> steps;
  for (const auto& line : read_metrics(folder_ / "run" / "metrics.jsonl")) {
    for (const auto& save : line.value("checkpoints", nlohmann::json::array())) {
      steps.push_back(save.at("step"));
      EXPECT_GT(save.at("blocked_seconds"), 0);
      EXPECT_GE(save.at("write_seconds"), save.at("blocked_seconds"));
      EXPECT_GT(save.at("bytes"), 0);
      EXPECT_GT(save.at("staging_bytes"), 0);
    }
  }
  // A save is over at the latest when the next one begins; the last one's line is standard
  // output's.
  EXPECT_GE(steps.size(), 2U);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    EXPECT_EQ(steps[i], 2 * static_cast<std::int64_t>(i + 1));
  }
}

INSTANTIATE_TEST_SUITE_P(AloneAndOnRanks, BackgroundSave, testing::Values(1, 2));

}  // namespace
}  // namespace bam
