// Runs whose experts have copies, and runs that place them anew, are the runs that do neither; and
// stopped and resumed they are, to the last bit, those that never stopped.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <numeric>
#include <thread>

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
    expect_code(0, command(name, ranks, config, std::move(assignments), placement, fault));
    return folder_ / name;
  }

  ChildCommand command(const std::string& name, int ranks, const std::string& config,
                       Words assignments, const std::string& placement,
                       const std::string& fault) const {
    if (!placement.empty()) {
      // One name for all, since checkpoints are compared with their configs.
      write_file(folder_ / "experts.placement", placement);
      assignments.push_back("parallel.placement=" + (folder_ / "experts.placement").string());
    }
    assignments.insert(assignments.begin(),
                       {"checkpoint.every=" + std::to_string(kEvery), "checkpoint.keep_last=0"});
    ChildCommand command = on_ranks(ranks, train(config, folder_ / name, settings(assignments)));
    if (!fault.empty()) {
      command.environment["BAM_DRILL"] = fault;
    }
    return command;
  }

  /// Training under a guard on two ranks that place experts anew, from all on rank 0.
  ChildCommand guarded_command(const std::string& name, const std::string& spike,
                               const Words& more) const {
    Words assignments = {"parallel.replan.slots_per_rank=6", "guard.spikes.memory=4",
                         "guard.spikes.deviations=100", "training.steps=12"};
    assignments.insert(assignments.end(), more.begin(), more.end());
    return command(name, 2, SmallWorld::get().expert_kv(), assignments, kLopsided, spike);
  }
  fs::path guarded(const std::string& name, const std::string& spike,
                   const Words& more = {}) const {
    expect_code(0, guarded_command(name, spike, more));
    EXPECT_EQ(read_metrics(folder_ / name / "metrics.jsonl").back()["rewinds"], 1);
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
  // Each of its checkpoints has the plan in force, with certificates that hold.
  for (const std::int64_t step : {kEvery, SmallWorld::kSteps}) {
    const std::string saved = moved / ("step-" + std::to_string(step));
    const std::string verdict = expect_code(0, alone({"plan", "verify", saved})).out;
    EXPECT_NE(verdict.find("layer 1: holds"), std::string::npos) << verdict;
    expect_code(0, alone({"plan", "explain", saved}));
  }
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

TEST_F(Replicated, ARunThatGoesBackAtASpikeKeepsWhatItMoved) {
  const fs::path whole = guarded("whole", "spike@7");
  ASSERT_FALSE(replanned_after(whole).empty());
  EXPECT_EQ(CheckpointReader(whole).guard().left_out(0), 7);
  // Stopped after that it goes on as if it had not been.
  stopped_at(whole, 8, "stopped");
  const fs::path resumed = guarded("stopped", "spike@7");
  expect_same_checkpoint(whole, resumed);
  EXPECT_EQ(placement_at(whole, 12), placement_at(resumed, 12));
}

// Back at the beginning what was counted in the steps that are trained again is counted once.
TEST_F(Replicated, ARunThatGoesBackToItsBeginningCountsAnew) {
  constexpr double kChosen = 12 * 32 * 2;  // in a step: sequences, tokens, experts of a token
  const fs::path back = guarded("back", "spike@6", {"checkpoint.every=20", "training.steps=8"});
  const CheckpointReader checkpoint(back);
  ASSERT_FALSE(checkpoint.loads().empty());
  for (const proto::ExpertLoads& loads : checkpoint.loads()) {
    EXPECT_EQ(std::accumulate(loads.ffn().begin(), loads.ffn().end(), 0.0), 8 * kChosen);
  }
}

/// The program's rank that has stopped itself; 0 where the program ends first.
pid_t stopped_rank(Program& program) {
  while (program.is_running()) {
    for (const pid_t rank : program.children()) {
      std::string line;
      std::getline(std::ifstream("/proc/" + std::to_string(rank) + "/stat"), line);
      const std::size_t name_end = line.rfind(") ");
      if (name_end != std::string::npos && line[name_end + 2] == 'T') {
        return rank;
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return 0;
}

void flip_in_the_middle(const fs::path& file) {
  std::fstream data(file, std::ios::in | std::ios::out | std::ios::binary);
  const auto middle = static_cast<std::streamoff>(fs::file_size(file) / 2);
  data.seekg(middle);
  const auto byte = static_cast<char>(data.get() ^ 1);
  data.seekp(middle);
  data.put(byte);
}

// The checkpoint at which experts moved is damaged: back at the one before it they are where they
// were then, and what follows is what it was.
TEST_F(Replicated, ARunThatGoesBackBeyondAMoveTakesItBack) {
  run("early", 2, SmallWorld::get().expert_kv(), {"training.steps=2"}, kLopsided);
  const Words rarely = {"checkpoint.every=20", "training.steps=42"};
  stopped_at(folder_ / "early", 2, "one");
  const fs::path one = guarded("one", "spike@38", rarely);
  ASSERT_FALSE(replanned_after(one).empty());
  ASSERT_EQ(replanned_after(one).front(), 20);

  stopped_at(folder_ / "early", 2, "two");
  // Rank 0 stops itself as it writes one of the lines from 21 on, long before the spike.
  ChildCommand two = guarded_command("two", "spike@38", rarely);
  two.environment.insert({{"LD_PRELOAD", BAM_FILE_FAULT},
                          {"BAM_FAULT", "stop"},
                          {"BAM_FAULT_FOLDER", (folder_ / "two" / "metrics.jsonl").string()},
                          {"BAM_FAULT_AT", "28"},
                          {"BAM_FAULT_RANK", "0"}});
  Program program(two);
  const pid_t rank = stopped_rank(program);
  ASSERT_NE(rank, 0) << program.wait().err;
  const auto last_step = read_metrics(folder_ / "two" / "metrics.jsonl").back()["step"];
  EXPECT_GE(last_step, 20);
  EXPECT_LT(last_step, 37);
  flip_in_the_middle(folder_ / "two" / "step-20" / kDataFile);
  kill(rank, SIGCONT);
  const Outcome outcome = program.wait();
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("goes back to step 2"), std::string::npos) << outcome.out;
  expect_same_checkpoint(one, folder_ / "two");
}

}  // namespace
}  // namespace bam
