// Saves while training goes on: one at a time, failures on any rank known to all.
#include <gtest/gtest.h>

#include <thread>

#include "io/checkpoint_reader.h"
#include "io/text_file.h"
#include "model/memory_need.h"
#include "tests/io/tiny_checkpoint.h"
#include "tests/parallel/ranks.h"
#include "tests/parallel/shared_folder.h"

namespace bam::testing {
namespace {

namespace fs = std::filesystem;

/// The tiles of a tiny mixture, dealt to the ranks one after the other.
class CheckpointWriterTest : public ::testing::Test {
 protected:
  CheckpointWriterTest() {
    FilledTiles& all = filled_;
    for (std::size_t i = 0; i < all.tiles().size(); ++i) {
      if (static_cast<int>(i) % world().size() == world().rank()) {
        own_.push_back(all.tiles()[i]);
      }
    }
  }

  CheckpointWriter writer(Stream* staging) {
    return {peers_, {run(), specs_, stored_states(config_), {}}, own_, staging};
  }
  CheckpointInfo info(std::int64_t step) const {
    return {.step = step, .config = config_, .tokenizer = "made", .parents = {}};
  }
  fs::path run() const { return folder_.path() / "run"; }

  /// As a training loop does at the end of a step. Whether the save moved on.
  bool end_step(CheckpointWriter& writer) {
    double ready = writer.is_ready() ? 1 : 0;
    world().all_reduce_sum(stream_, std::span(&ready, 1)).wait(stream_);
    if (ready == world().size()) {
      writer.advance();
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return false;
  }

  /// Has no folder made where the last rank wants to write step 1's tiles: a file is in its way.
  void break_step_one() {
    if (world().rank() == 0) {
      write_file(run() / ".step-1.partial", "");
    }
    peers_.broadcast("");
  }

  Memory memory_;
  Stream stream_{memory_};
  CommunicatorPeers peers_{stream_, world()};
  SharedFolder folder_{peers_};
  proto::RunConfig config_ = tiny_run_config(kTinyMixture);
  std::vector<ParameterSpec> specs_ = parameter_specs(run_config_of(config_, "tiny").model);
  FilledTiles filled_{specs_, 3};
  std::vector<OwnedTile> own_;
};

TEST_F(CheckpointWriterTest, MovesOnAtStepsWithoutBeingWaitedFor) {
  CheckpointWriter writer = this->writer(&stream_);
  EXPECT_FALSE(writer.is_ready());
  writer.save(info(1));
  for (OwnedTile& tile : own_) {
    std::ranges::fill(tile.weight, 0.0F);  // training goes on
  }
  EXPECT_TRUE(writer.take_reports().empty());
  int moves = 0;
  std::vector<SaveReport> reports;
  while (reports.empty()) {
    moves += end_step(writer) ? 1 : 0;
    reports = writer.take_reports();
  }
  EXPECT_EQ(moves, 2);
  EXPECT_EQ(reports.front().failure, "");
  EXPECT_EQ(reports.front().step, 1);
  const CheckpointReader reader(run());
  EXPECT_EQ(reader.step(), 1);
  const ParameterSpec& spec = reader.specs().front();
  std::vector<float> values(static_cast<std::size_t>(spec.elements()));
  reader.read(StateKind::kWeight, spec, 0, spec.elements(), values);
  EXPECT_EQ(values[5], stored_value(3, StateKind::kWeight, spec, 5));
}

TEST_F(CheckpointWriterTest, ASecondSaveWaitsForTheFirst) {
  CheckpointWriter writer = this->writer(&stream_);
  for (std::int64_t step = 1; step <= 5; ++step) {
    writer.save(info(step));
  }
  writer.finish();
  EXPECT_EQ(writer.take_reports().size(), 5U);
  for (std::int64_t step = 1; step <= 5; ++step) {
    EXPECT_GT(CheckpointReader(run() / step_folder(step)).verify(), 0);
  }
}

TEST_F(CheckpointWriterTest, AFailureIsKnownToAllAndTheNextSaveGoesOn) {
  for (Stream* staging : {&stream_, static_cast<Stream*>(nullptr)}) {
    CheckpointWriter writer = this->writer(staging);
    writer.save(info(2));
    break_step_one();
    writer.save(info(1));
    writer.finish();
    const std::vector<SaveReport> reports = writer.take_reports();
    ASSERT_EQ(reports.size(), 2U);
    EXPECT_EQ(reports[0].failure, "");
    EXPECT_NE(reports[1].failure.find(message_of("rank ", world().size() - 1, ": ")),
              std::string::npos)
        << reports[1].failure;
    EXPECT_EQ(CheckpointReader(run()).step(), 2);
    EXPECT_FALSE(fs::exists(run() / "step-1"));
    writer.save(info(3));
    writer.finish();
    EXPECT_EQ(writer.take_reports().back().failure, "");
    EXPECT_EQ(CheckpointReader(run()).step(), 3);
  }
}

TEST_F(CheckpointWriterTest, MemoryForCopiesIsCountedAndNamedInTheNeed) {
  std::size_t bytes = 0;
  for (const OwnedTile& tile : own_) {
    bytes += 3 * tile.weight.size_bytes();
  }
  const std::size_t before = memory_.in_use();
  const CheckpointWriter writer = this->writer(&stream_);
  const auto staging = static_cast<std::size_t>(writer.staging_bytes());
  EXPECT_EQ(memory_.in_use() - before, staging);
  EXPECT_GE(staging, bytes);
  EXPECT_LE(staging, bytes + (3 * own_.size() + 2) * 4096);
  const ModelConfig model = run_config_of(config_, "tiny").model;
  if (world().size() == 1) {
    EXPECT_EQ(static_cast<double>(bytes),
              memory_need(model, round_robin(model, 1), 0, {}, Precision::kBFloat16,
                          Snapshots::kInBackground)
                  .snapshot);
  }
}

TEST_F(CheckpointWriterTest, WhatADeadProcessLeftIsRemoved) {
  if (world().rank() == 0) {
    fs::create_directories(run() / ".step-9.partial");
    write_file(run() / ".step-9.partial" / kDataFile, "half");
  }
  peers_.broadcast("");
  CheckpointWriter writer = this->writer(&stream_);
  EXPECT_FALSE(fs::exists(run() / ".step-9.partial"));
}

TEST_F(CheckpointWriterTest, AWriterThatIsDroppedLeavesNothingHalfWritten) {
  {
    CheckpointWriter writer = this->writer(&stream_);
    writer.save(info(1));
  }
  peers_.broadcast("");
  CheckpointWriter(peers_, {run(), specs_, stored_states(config_), {}}, own_, nullptr);
  for (const auto& entry : fs::directory_iterator(run())) {
    ADD_FAILURE() << entry.path();
  }
}

}  // namespace
}  // namespace bam::testing
