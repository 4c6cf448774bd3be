// What a run tells of itself, and the settings that change how it computes but not what.
#include <gtest/gtest.h>

#include <cmath>

#include "io/metrics_reader.h"
#include "tests/launch/run_comparison.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

/// Trains on ranks; returns the run folder.
fs::path run(const TemporaryFolder& folder, const std::string& name, int ranks,
             const std::string& config, const Words& assignments = {}) {
  expect_code(0, on_ranks(ranks, train(config, folder / name, settings(assignments))));
  return folder / name;
}

/// The runs that others are held against, made once.
struct StandardRuns {
  TemporaryFolder folder;
  fs::path dense = run(folder, "dense", 1, SmallWorld::get().dense());
  fs::path mixture = run(folder, "mixture", 2, SmallWorld::get().expert_kv());
};
const StandardRuns& standard() {
  static const StandardRuns runs;
  return runs;
}

std::vector<nlohmann::json> metrics_of(const fs::path& run) {
  return read_metrics(run / "metrics.jsonl");
}

void expect_close(const std::vector<double>& a, const std::vector<double>& b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_NEAR(a[i], b[i], tolerance * std::abs(b[i])) << "step " << i + 1;
  }
}

TEST(TrainingMetrics, EveryStepSaysWhatItDidAndWhatItCost) {
  const auto lines = metrics_of(standard().mixture);
  ASSERT_EQ(lines.size(), std::size_t{SmallWorld::kSteps});
  double seconds = 0;
  for (const nlohmann::json& line : lines) {
    const double step = line.at("step");
    EXPECT_NEAR(line.at("loss"), std::log(SmallWorld::kVocabulary), 1.5);
    EXPECT_GT(line.at("balance_loss"), 0);
    EXPECT_GT(line.at("z_loss"), 0);
    EXPECT_GT(line.at("gradient_norm"), 0);
    EXPECT_EQ(line.at("skipped"), false);
    EXPECT_EQ(line.at("expert_overflow"), false);
    EXPECT_EQ(line.at("tokens"), step * 12 * 32);
    EXPECT_GT(line.at("tokens_per_second"), 0);
    EXPECT_GT(line.at("share_of_ceiling"), 0);
    EXPECT_LT(line.at("share_of_ceiling"), 1);
    EXPECT_GT(line.at("seconds"), seconds);
    seconds = line.at("seconds");
  }
  EXPECT_LT(lines.back().at("loss"), lines.front().at("loss"));
}

TEST(TrainingMetrics, LearningRateWarmsUpAndDecays) {
  const auto rates = series(standard().dense, "learning_rate");
  ASSERT_EQ(rates.size(), std::size_t{SmallWorld::kSteps});
  EXPECT_DOUBLE_EQ(rates[0], 0.0015);
  EXPECT_DOUBLE_EQ(rates[1], 0.003);
  EXPECT_TRUE(std::is_sorted(rates.rbegin(), rates.rend() - 1));
  EXPECT_DOUBLE_EQ(rates.back(), 0.0003);
}

TEST(TrainingMetrics, TellHowMuchOfTheExchangeWasHidden) {
  for (const nlohmann::json& line : metrics_of(standard().mixture)) {
    const double comm = line.at("comm_seconds");
    const double exposed = line.at("exposed_comm_seconds");
    EXPECT_GT(comm, 0);
    EXPECT_GE(exposed, 0);
    EXPECT_LE(exposed, comm);
    EXPECT_NEAR(line.at("hidden"), 1 - exposed / comm, 1e-9);
  }
  for (const nlohmann::json& line : metrics_of(standard().dense)) {
    EXPECT_EQ(line.at("comm_seconds"), 0);
    EXPECT_FALSE(line.contains("hidden"));
  }
}

TEST(TrainingMetrics, OneRankAloneTellsOfNoExchange) {
  const TemporaryFolder folder;
  const Outcome outcome = expect_code(
      0, alone(train(SmallWorld::get().dense(), folder / "run", settings({"training.steps=1"}))));
  EXPECT_NE(outcome.out.find("step 1/1"), std::string::npos) << outcome.out;
  EXPECT_EQ(outcome.out.find("hidden"), std::string::npos) << outcome.out;
}

TEST(TrainingMetrics, RoutingIsToldByLayerKindAndDomain) {
  const auto lines = metrics_of(standard().mixture);
  for (const nlohmann::json& line : lines) {
    const nlohmann::json& routing = line.at("routing");
    ASSERT_EQ(routing.size(), 2U * 2U * 2U);  // layers, kinds, domains
    for (const nlohmann::json& entry : routing) {
      const std::vector<double> load = entry.at("load");
      const std::vector<double> gates = entry.at("mean_gate");
      ASSERT_EQ(load.size(), 4U);
      EXPECT_NEAR(std::accumulate(gates.begin(), gates.end(), 0.0), 1, 1e-5);
      if (entry.at("kind") == "ffn") {  // soft attention chooses none
        EXPECT_NEAR(std::accumulate(load.begin(), load.end(), 0.0), 2, 1e-9);
      }
      EXPECT_GT(entry.at("entropy"), 0);
      EXPECT_LE(entry.at("entropy"), std::log(4) + 1e-6);
    }
  }
}

TEST(TrainingMetrics, ValidationComesEveryFewStepsAndAtTheEnd) {
  const TemporaryFolder folder;
  const auto lines =
      metrics_of(run(folder, "run", 1, SmallWorld::get().dense(), {"training.validate_every=3"}));
  for (const nlohmann::json& line : lines) {
    const int step = line.at("step");
    const bool is_measured = step % 3 == 0 || step == SmallWorld::kSteps;
    ASSERT_EQ(line.contains("validation"), is_measured) << line;
    if (is_measured) {
      EXPECT_EQ(line["validation"].size(), 2U);
      EXPECT_NEAR(line["validation"].at("law"), std::log(SmallWorld::kVocabulary), 1.5);
      EXPECT_NEAR(line["validation"].at("code"), std::log(SmallWorld::kVocabulary), 1.5);
    }
  }
}

TEST(TrainingMetrics, LogEveryThinsThemOut) {
  const TemporaryFolder folder;
  EXPECT_EQ(
      series(run(folder, "run", 1, SmallWorld::get().dense(), {"training.log_every=3"}), "step"),
      (std::vector<double>{3, 6, 8}));
}

TEST(TrainingMetrics, MicroStepsDoNotChangeADenseModelsLosses) {
  const TemporaryFolder folder;
  const fs::path cut = run(folder, "cut", 1, SmallWorld::get().dense(), {"training.micro_steps=2"});
  expect_close(series(cut, "loss"), series(standard().dense, "loss"), 1e-5);
  expect_close(series(cut, "gradient_norm"), series(standard().dense, "gradient_norm"), 1e-4);
}

TEST(TrainingMetrics, RecomputingActivationsChangesNoBit) {
  const TemporaryFolder folder;
  const fs::path again =
      run(folder, "again", 2, SmallWorld::get().expert_kv(), {"training.recompute=true"});
  EXPECT_EQ(series(again, "loss"), series(standard().mixture, "loss"));
  EXPECT_EQ(series(again, "gradient_norm"), series(standard().mixture, "gradient_norm"));
}

TEST(TrainingMetrics, OverlapChangesNoBit) {
  const TemporaryFolder folder;
  const fs::path off =
      run(folder, "off", 2, SmallWorld::get().expert_kv(), {"parallel.overlap=false"});
  EXPECT_EQ(series(off, "loss"), series(standard().mixture, "loss"));
  EXPECT_EQ(series(off, "gradient_norm"), series(standard().mixture, "gradient_norm"));
}

}  // namespace
}  // namespace bam
