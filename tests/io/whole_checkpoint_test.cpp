#include "io/whole_checkpoint.h"

#include <gtest/gtest.h>

#include "io/text_file.h"
#include "tests/io/temporary_folder.h"
#include "tests/io/tiny_checkpoint.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

/// A run with the checkpoints of steps 2, 4 and 6.
class WholeCheckpoint : public testing::Test {
 protected:
  WholeCheckpoint() {
    for (const std::int64_t step : {2, 4, 6}) {
      write_filled(run(),
                   {.step = step, .config = tiny_run_config(), .tokenizer = "t", .parents = {}},
                   static_cast<double>(step));
    }
  }

  /// The step of the checkpoint that training would go on from; -1: none. What is told is kept.
  std::int64_t found() {
    NoPeers alone;
    told_.clear();
    const auto checkpoint = newest_whole_checkpoint(
        alone, run(), [this](const std::string& refusal) { told_.push_back(refusal); });
    return checkpoint ? checkpoint->step() : -1;
  }

  /// Flips a bit of a tensor.
  void damage(std::int64_t step) const {
    const CheckpointReader whole(run() / step_folder(step));
    const auto at = static_cast<std::size_t>(whole.data_sets().at(0).offset());
    std::string bytes = read_file(whole.path() / kDataFile);
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    write_file(whole.path() / kDataFile, bytes);
  }

  std::vector<std::string> told_;
  fs::path run() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

TEST_F(WholeCheckpoint, IsTheOneThatLatestNames) {
  EXPECT_EQ(found(), 6);
  write_file(run() / kLatestFile, "step-4\n");
  EXPECT_EQ(found(), 4);
  EXPECT_TRUE(told_.empty());
}

TEST_F(WholeCheckpoint, ADamagedOneIsToldOfAndTheOneBeforeIsTaken) {
  damage(6);
  EXPECT_EQ(found(), 4);
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_NE(told_[0].find("step-6/data.h5: "), std::string::npos) << told_[0];
  EXPECT_NE(told_[0].find(": tile 0 is damaged"), std::string::npos) << told_[0];
  fs::remove(run() / "step-4" / kDataFile);
  EXPECT_EQ(found(), 2);
  EXPECT_EQ(told_.size(), 2U);
}

TEST_F(WholeCheckpoint, NewerThanLatestIsTheLastResort) {
  write_file(run() / kLatestFile, "step-4\n");
  damage(4);
  EXPECT_EQ(found(), 2);
  damage(2);
  EXPECT_EQ(found(), 6);
}

TEST_F(WholeCheckpoint, WithoutLatestNothingIsLost) {
  for (const char* text : {"", "step-8", "step-6x", "../step-6"}) {
    write_file(run() / kLatestFile, text);
    EXPECT_EQ(found(), 6) << text;
    ASSERT_EQ(told_.size(), 1U) << text;
    EXPECT_NE(told_[0].find("latest: names no checkpoint"), std::string::npos);
  }
  fs::remove(run() / kLatestFile);
  EXPECT_EQ(found(), 6);
}

TEST_F(WholeCheckpoint, WhereNoneIsWholeEachIsNamedWithItsReason) {
  damage(2);
  fs::remove(run() / "step-4" / kDataFile);
  damage(6);
  try {
    found();
    FAIL();
  } catch (const BadInput& error) {
    const std::string text = error.what();
    const std::size_t newest = text.find("step-6/data.h5: /weights/embedding: tile 0 is damaged");
    const std::size_t middle = text.find("step-4/data.h5: is missing");
    const std::size_t oldest = text.find("step-2/data.h5: /weights/embedding: tile 0 is damaged");
    EXPECT_LT(newest, middle) << text;
    EXPECT_LT(middle, oldest) << text;
    EXPECT_NE(oldest, std::string::npos) << text;
  }
}

TEST_F(WholeCheckpoint, AFolderWithoutManifestIsNoCheckpoint) {
  write_file(run() / kLatestFile, "step-4\n");
  fs::remove(run() / "step-4" / kManifestFile);
  EXPECT_EQ(found(), 2);
  ASSERT_EQ(told_.size(), 1U);
  fs::remove_all(run() / "step-2");
  fs::remove_all(run() / "step-6");
  EXPECT_THROW(found(), BadInput);
  fs::remove(run() / kLatestFile);
  EXPECT_EQ(found(), -1);
}

TEST_F(WholeCheckpoint, AnotherStepsFilesAreRefused) {
  for (const char* name : {kDataFile, kManifestFile}) {
    fs::copy_file(run() / "step-4" / name, run() / "step-6" / name,
                  fs::copy_options::overwrite_existing);
  }
  EXPECT_EQ(found(), 4);
  EXPECT_NE(told_.at(0).find("step-6: holds the checkpoint of step 4"), std::string::npos)
      << told_[0];
}

TEST_F(WholeCheckpoint, PartsOfAReadingCoverEveryTileOnce) {
  const CheckpointReader whole(run());
  std::int64_t tiles = 0;
  for (int part = 0; part < 3; ++part) {
    tiles += whole.verify(kStateKinds, part, 3);
  }
  EXPECT_EQ(tiles, whole.verify());
  damage(6);
  const CheckpointReader damaged(run());
  int refused = 0;
  for (int part = 0; part < 3; ++part) {
    try {
      damaged.verify(kStateKinds, part, 3);
    } catch (const BadInput&) {
      ++refused;
    }
  }
  EXPECT_EQ(refused, 1);
}

}  // namespace
}  // namespace bam
