#include "launch/loss_guard.h"

#include <gtest/gtest.h>

#include <cmath>
#include <csignal>
#include <limits>
#include <random>

#include "launch/rank_reports.h"
#include "launch/step_limit.h"

namespace bam {
namespace {

using Verdict = LossGuard::Verdict;

StepReport step(double loss, double norm = 1) {
  StepReport report;
  report.loss = loss;
  report.gradient_norm = norm;
  return report;
}

StepReport skipped_step() {
  StepReport report;
  report.loss = std::numeric_limits<double>::quiet_NaN();
  report.skipped = true;
  return report;
}

GuardConfig stopping_after_three() {
  GuardConfig config;
  config.non_finite_steps = 3;
  return config;
}

GuardConfig with_spikes() {
  GuardConfig config;
  config.spikes = SpikeConfig{.deviations = 8, .memory = 20, .most_rewinds = 2};
  return config;
}

/// A guard that has seen ordinary steps 1 to `steps`.
LossGuard seasoned(const GuardConfig& config, int steps = 50) {
  LossGuard guard(config);
  for (int i = 1; i <= steps; ++i) {
    EXPECT_EQ(guard.judge(i, step(3 + 0.05 * std::sin(i), 1 + 0.1 * std::cos(i))), Verdict::kGoOn);
  }
  return guard;
}

TEST(LossGuard, StopsAfterSoManySkippedStepsInARow) {
  LossGuard guard(stopping_after_three());
  EXPECT_EQ(guard.judge(1, skipped_step()), Verdict::kGoOn);
  EXPECT_EQ(guard.judge(2, skipped_step()), Verdict::kGoOn);
  EXPECT_EQ(guard.judge(3, step(3)), Verdict::kGoOn);
  EXPECT_EQ(guard.judge(4, skipped_step()), Verdict::kGoOn);
  EXPECT_EQ(guard.judge(5, skipped_step()), Verdict::kGoOn);
  EXPECT_EQ(guard.judge(6, skipped_step()), Verdict::kStop);
  EXPECT_EQ(guard.state().skipped(), 5);
  EXPECT_NE(guard.reason().find("step 6"), std::string::npos) << guard.reason();
}

TEST(LossGuard, CountsOnWhereACheckpointLeftOff) {
  LossGuard first(stopping_after_three());
  first.judge(1, skipped_step());
  first.judge(2, skipped_step());
  LossGuard resumed(stopping_after_three());
  resumed.resume(first.state());
  EXPECT_EQ(resumed.judge(3, skipped_step()), Verdict::kStop);
}

TEST(LossGuard, TrainsThroughSpikesUnlessAskedNotTo) {
  LossGuard guard = seasoned(GuardConfig{});
  EXPECT_EQ(guard.judge(51, step(3000, 1e6)), Verdict::kGoOn);
}

TEST(LossGuard, GoesBackAtASpikeOfLossOrGradientAndLeavesItsDataOut) {
  for (const StepReport& spike : {step(4.5), step(3, 100)}) {
    LossGuard guard = seasoned(with_spikes());
    EXPECT_EQ(guard.judge(51, spike), Verdict::kRewind);
    EXPECT_EQ(guard.state().rewinds(), 1);
    EXPECT_EQ(guard.data_step(50), 50);
    EXPECT_EQ(guard.data_step(51), 52);
    EXPECT_EQ(guard.data_step(52), 53);
  }
}

TEST(LossGuard, IsNoJudgeOfTheFirstSteps) {
  LossGuard guard = seasoned(with_spikes(), 10);
  EXPECT_EQ(guard.judge(11, step(4.5)), Verdict::kGoOn);
}

TEST(LossGuard, KeepsWhatItLeftOutWhenItHasGoneBack) {
  LossGuard guard = seasoned(with_spikes(), 40);
  const proto::GuardState checkpoint = guard.state();
  guard.judge(41, step(3));
  ASSERT_EQ(guard.judge(42, step(9)), Verdict::kRewind);
  const proto::GuardState before = guard.state();
  guard.resume(checkpoint);
  guard.rewound(before);
  EXPECT_EQ(guard.state().loss().mean(), checkpoint.loss().mean());
  EXPECT_EQ(guard.data_step(41), 41);
  EXPECT_EQ(guard.data_step(42), 43);
  ASSERT_EQ(guard.judge(42, step(9)), Verdict::kRewind);  // of the data of step 43
  EXPECT_EQ(guard.data_step(42), 44);
  EXPECT_EQ(guard.judge(42, step(9)), Verdict::kStop);
  EXPECT_NE(guard.reason().find("after 2 rewinds"), std::string::npos) << guard.reason();
}

TEST(LossGuard, SeesNoSpikeInOrdinaryNoise) {
  std::mt19937 random(1);
  std::normal_distribution<double> loss(0, 0.1);
  std::normal_distribution<double> log_norm(0, 0.3);
  LossGuard guard(with_spikes());
  for (int i = 1; i <= 10'000; ++i) {
    const double fall = 5 * std::exp(-i / 500.0);
    ASSERT_EQ(guard.judge(i, step(3 + fall + loss(random), std::exp(log_norm(random)))),
              Verdict::kGoOn)
        << i << ": " << guard.reason();
  }
}

TEST(StepLimit, IsAMultipleOfTheMedianStepButNeverShort) {
  StepLimit limit(30, 5);
  EXPECT_FALSE(limit.is_known());
  limit.add(1);
  EXPECT_EQ(limit.seconds(), 30);
  for (int i = 0; i < 101; ++i) {
    limit.add(i % 10 == 0 ? 500 : 20);
  }
  EXPECT_EQ(limit.seconds(), 100);
}

TEST(RankReports, AnyRanksSignalIsAllRanksSignal) {
  EXPECT_EQ(agreed_signal({{}, {}}), 0);
  EXPECT_EQ(agreed_signal({{}, {.signal = SIGUSR1, .has_saved = 0, .parts = {}}}), SIGUSR1);
  EXPECT_EQ(agreed_signal({{.signal = SIGUSR1, .has_saved = 0, .parts = {}},
                           {.signal = SIGTERM, .has_saved = 0, .parts = {}}}),
            SIGTERM);
}

}  // namespace
}  // namespace bam
