// Runs whose experts have copies, and runs that place them anew, are the runs that do neither; and
// stopped and resumed they are, to the last bit, those that never stopped.
#include <gtest/gtest.h>

#include "io/checkpoint_reader.h"
#include "io/metrics_reader.h"
#include "io/placement_file.h"
#include "io/text_file.h"
#include "tests/launch/run_comparison.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

constexpr int kEvery = 2;  // steps between checkpoints
const char* const kReplicated =
    "ranks: 2 layers { attention: [0, 0, 0, 1] ffn: [0, 0, 1, 1]"
    "  attention_replicas { expert: 2 ranks: [0, 1] shares: [0.25, 0.75] }"
    "  ffn_replicas { expert: 1 ranks: [0, 1] }"
    "  ffn_replicas { expert: 0 ranks: [0, 1] shares: [0.9, 0.1] } }";
// All experts on rank 0 but one of each kind.
const char* const kLopsided = "ranks: 2 layers { attention: [0, 0, 0, 1] ffn: [0, 0, 0, 1] }";

class Replicated : public ::testing::Test {
 protected:
  /// Trains a mixture on ranks, with a placement and a fault (launch/drill.h) where there is one.
  fs::path run(const std::string& name, int ranks, const std::string& config, Words assignments,
               const std::string& placement = "", const std::string& fault = "") const {
    if (!placement.empty()) {
      // One name for all, since checkpoints are compared with their configs.
      write_file(folder_ / "experts.placement", placement);
      assignments.push_back("parallel.placement=" + (folder_ / "experts.placement").string());
    }
    assignments.push_back("checkpoint.every=" + std::to_string(kEvery));
    assignments.push_back("checkpoint.keep_last=0");
    ChildCommand command = on_ranks(ranks, train(config, folder_ / name, settings(assignments)));
    if (!fault.empty()) {
      command.environment["BAM_DRILL"] = fault;
    }
    expect_code(0, command);
    return folder_ / name;
  }

  /// Makes the folder a run that was stopped at that step of another.
  fs::path stopped_at(const fs::path& whole, int step, const std::string& name) const {
    const std::string saved = "step-" + std::to_string(step);
    fs::create_directories(folder_ / name);
    fs::copy(whole / saved, folder_ / name / saved);
    write_file(folder_ / name / "latest", saved + "\n");
    return folder_ / name;
  }

  TemporaryFolder folder_;
};

// Of the steps that both logged.
void expect_same_losses(const fs::path& a, const fs::path& b) {
  const auto first = read_metrics(a / "metrics.jsonl");
  const auto second = read_metrics(b / "metrics.jsonl");
  ASSERT_FALSE(second.empty());
  for (const auto& line : second) {
    const auto& other = first.at(line.at("step").get<std::size_t>() - 1);
    EXPECT_NEAR(line.at("loss").get<double>(), other.at("loss").get<double>(),
                1e-5 * other.at("loss").get<double>());
    EXPECT_NEAR(line.at("gradient_norm").get<double>(), other.at("gradient_norm").get<double>(),
                1e-4 * other.at("gradient_norm").get<double>());
  }
}

std::vector<std::int64_t> replanned_after(const fs::path& run) {
  std::vector<std::int64_t> steps;
  for (const auto& line : read_metrics(run / "metrics.jsonl")) {
    if (line.contains("replan")) {
      EXPECT_GT(line["replan"].at("gain").get<double>(), 0);
      EXPECT_GT(line["replan"].at("copies_sent").get<int>(), 0);
      steps.push_back(line.at("step"));
    }
  }
  return steps;
}

Placement placement_at(const fs::path& run, std::int64_t step) {
  const CheckpointReader checkpoint(run / ("step-" + std::to_string(step)));
  EXPECT_NE(checkpoint.placement(), nullptr);
  return placement_of(*checkpoint.placement(), checkpoint.config().model, 2, "manifest");
}

TEST_F(Replicated, GivesTheLossesOfSingleCopies) {
  const std::string config = SmallWorld::get().shared_kv();
  const fs::path single = run("single", 1, config, {});
  expect_same_losses(single, run("copies", 2, config, {}, kReplicated));
  expect_same_losses(single, run("groups", 4, config, {"parallel.expert_parallel=2"}, kReplicated));
}

TEST_F(Replicated, CheckpointsLoadUnderEveryPlacement) {
  const std::string config = SmallWorld::get().expert_kv();
  const fs::path copies = run("copies", 2, config, {}, kReplicated);
  const fs::path single = run("single", 2, config, {}, kLopsided);
  // Both ways from the middle of a run, to other placements and numbers of ranks.
  stopped_at(copies, 4, "copies-then-single");
  expect_same_losses(copies, run("copies-then-single", 2, config, {}, kLopsided));
  stopped_at(copies, 4, "copies-then-alone");
  expect_same_losses(copies, run("copies-then-alone", 1, config, {}));
  stopped_at(single, 4, "single-then-copies");
  expect_same_losses(single, run("single-then-copies", 2, config, {}, kReplicated));
  // And under its own to the last bit.
  stopped_at(copies, 4, "copies-again");
  expect_same_checkpoint(copies, run("copies-again", 2, config, {}, kReplicated));
}

TEST_F(Replicated, ExpertsMoveWhereTheyAreFaster) {
  const std::string config = SmallWorld::get().expert_kv();
  const fs::path fixed = run("fixed", 2, config, {}, kLopsided);
  const fs::path moved = run("moved", 2, config, {"parallel.replan.slots_per_rank=6"}, kLopsided);
  const std::vector<std::int64_t> steps = replanned_after(moved);
  ASSERT_FALSE(steps.empty());
  EXPECT_EQ(steps.front(), kEvery);
  expect_same_losses(fixed, moved);
  const Placement before = placement_at(fixed, kEvery);
  const Placement after = placement_at(moved, kEvery);
  EXPECT_NE(after, before);
  EXPECT_GT(experts_on(after.layers[0].attention, 1).size(), 1U);
  EXPECT_EQ(placement_at(fixed, SmallWorld::kSteps), before);
}

// What is loaded under the new placement is what was saved under the old one, weights and moments:
// the steps after it are of no number, so that they change nothing, and the next checkpoint is the
// same.
TEST_F(Replicated, MovingChangesNoBit) {
  const std::string config = SmallWorld::get().expert_kv();
  const Words words = {"training.steps=4", "training.precision=BF16",
                       "parallel.replan.slots_per_rank=6"};
  const fs::path moved = run("moved", 2, config, words, kLopsided, "nan@3-4");
  ASSERT_EQ(replanned_after(moved), std::vector<std::int64_t>{2});
  const CheckpointReader before(moved / "step-2");
  const CheckpointReader after(moved / "step-4");
  EXPECT_EQ(after.guard().skipped(), 2);
  int moments = 0;
  for (int i = 0; i < before.data_sets().size(); ++i) {
    const proto::DataSet& data_set = before.data_sets()[i];
    EXPECT_TRUE(data_set.tile_hashes() == after.data_sets()[i].tile_hashes()) << data_set.path();
    moments += data_set.path().starts_with("/weights") ? 0 : 1;
  }
  EXPECT_EQ(3 * moments, 2 * before.data_sets().size());
}

TEST_F(Replicated, AStoppedRunGoesOnWhereItsExpertsAre) {
  const std::string config = SmallWorld::get().expert_kv();
  const Words replan = {"parallel.replan.slots_per_rank=6"};
  const fs::path whole = run("whole", 2, config, replan, kLopsided);
  ASSERT_FALSE(replanned_after(whole).empty());
  for (const int step : {2, 4}) {
    const std::string name = "stopped-" + std::to_string(step);
    stopped_at(whole, step, name);
    const fs::path resumed = run(name, 2, config, replan, kLopsided);
    expect_same_checkpoint(whole, resumed);
    EXPECT_EQ(placement_at(whole, SmallWorld::kSteps), placement_at(resumed, SmallWorld::kSteps));
    EXPECT_EQ(series(resumed, "loss").back(), series(whole, "loss").back());
  }
  // On other ranks its experts are dealt as the config says.
  stopped_at(whole, 4, "alone");
  expect_same_losses(whole, run("alone", 1, config, replan));
}

}  // namespace
}  // namespace bam
