// Simulated ranks: what noise the watch takes for a slow rank, and how soon it finds one.
#include "parallel/straggler_watch.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>

namespace bam {
namespace {

constexpr int kStepsToFind = 20;

/// Parts of a step on ranks that share it unevenly, with noise.
class Simulation {
 public:
  struct Noise {
    double spread = 0.05;   // standard deviation of a time's logarithm
    double hiccups = 0.01;  // part of the steps in which a rank takes
    double hiccup = 3;      // times as long
    double common = 0.3;    // spread of what slows all alike
  };

  Simulation(int ranks, unsigned seed, Noise noise) : ranks_(ranks), random_(seed), noise_(noise) {}

  /// `share`: a rank's part of the work, as a multiple of the others'; `slowness`: of its time.
  std::vector<PartTimes> step(const std::function<double(int)>& share,
                              const std::function<double(int, StepPart)>& slowness) {
    const std::array<double, kStepParts> usual = {0.0002, 0.030, 0.010, 0.065, 0.012};  // seconds
    std::vector<PartTimes> all(static_cast<std::size_t>(ranks_));
    const double common = drawn(noise_.common);
    for (int rank = 0; rank < ranks_; ++rank) {
      const bool hiccups = std::bernoulli_distribution(noise_.hiccups)(random_);
      for (std::size_t part = 0; part < kStepParts; ++part) {
        PartTime& time = all[static_cast<std::size_t>(rank)][part];
        time.operations = part == 0 ? 0 : 1e11 * usual[part] * share(rank);
        time.seconds = usual[part] * share(rank) * common * drawn(noise_.spread) *
                       slowness(rank, static_cast<StepPart>(part)) * (hiccups ? noise_.hiccup : 1);
      }
    }
    return all;
  }

 private:
  double drawn(double spread) {
    return std::exp(std::normal_distribution<double>(0, spread)(random_));
  }

  int ranks_;
  std::mt19937 random_;
  Noise noise_;
};

double evenly(int /*rank*/) { return 1; }
double none_slow(int /*rank*/, StepPart /*part*/) { return 1; }

/// Steps until something is found, or `most`.
int steps_until_found(StragglerWatch& watch, int most,
                      const std::function<std::vector<PartTimes>()>& step) {
  for (int i = 1; i <= most; ++i) {
    watch.add(step());
    if (!watch.found().empty()) {
      return i;
    }
  }
  return most + 1;
}

class StragglerNoise : public ::testing::TestWithParam<int> {};

TEST_P(StragglerNoise, RaisesNoFalseAlarmInTenThousandSteps) {
  constexpr int kSteps = 10'000;
  for (const double spread : {0.02, 0.05, 0.1}) {
    Simulation simulation(GetParam(), 1, {.spread = spread});
    StragglerWatch watch(GetParam());
    EXPECT_GT(steps_until_found(watch, kSteps, [&] { return simulation.step(evenly, none_slow); }),
              kSteps)
        << "spread " << spread;
  }
}

TEST_P(StragglerNoise, ARankSlowerByAThirdIsFoundWithinTwentySteps) {
  for (const double ratio : {1.33, 2.0}) {
    for (unsigned seed = 0; seed < 200; ++seed) {
      const int slow_rank = static_cast<int>(seed) % GetParam();
      Simulation simulation(GetParam(), seed, {.spread = 0.05});
      StragglerWatch watch(GetParam());
      const auto slow = [&](int rank, StepPart) { return rank == slow_rank ? ratio : 1.0; };
      ASSERT_LE(steps_until_found(watch, 100, [&] { return simulation.step(evenly, slow); }),
                kStepsToFind)
          << "x" << ratio << ", seed " << seed;
      for (int i = 0; i < kStepsToFind; ++i) {
        watch.add(simulation.step(evenly, slow));
      }
      ASSERT_EQ(watch.found().size(), 1U);
      EXPECT_EQ(watch.found()[0].rank, slow_rank);
      EXPECT_EQ(watch.found()[0].part, StepPart::kBackward);  // where it loses most
      EXPECT_NEAR(watch.found()[0].ratio, ratio, 0.35 * ratio);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Ranks, StragglerNoise, ::testing::Values(2, 3, 8));

TEST(StragglerWatch, NamesThePartThatIsSlow) {
  Simulation simulation(4, 3, {});
  StragglerWatch watch(4);
  const auto slow = [](int rank, StepPart part) {
    return rank == 2 && part == StepPart::kUpdate ? 2.0 : 1.0;
  };
  EXPECT_LE(steps_until_found(watch, 100, [&] { return simulation.step(evenly, slow); }),
            kStepsToFind);
  ASSERT_EQ(watch.found().size(), 1U);
  EXPECT_EQ(watch.found()[0].rank, 2);
  EXPECT_EQ(watch.found()[0].part, StepPart::kUpdate);
}

TEST(StragglerWatch, SlowReadingOfDataIsNamedThoughItsPartIsSmallElsewhere) {
  Simulation simulation(3, 4, {});
  StragglerWatch watch(3);
  const auto slow = [](int rank, StepPart part) {
    return rank == 1 && part == StepPart::kData ? 200.0 : 1.0;
  };
  EXPECT_LE(steps_until_found(watch, 100, [&] { return simulation.step(evenly, slow); }),
            kStepsToFind);
  ASSERT_EQ(watch.found().size(), 1U);
  EXPECT_EQ(watch.found()[0].part, StepPart::kData);
}

// As with four experts on three ranks.
TEST(StragglerWatch, ARankWithMoreToDoIsNotSlow) {
  Simulation simulation(3, 5, {});
  StragglerWatch watch(3);
  const auto twice = [](int rank) { return rank == 0 ? 2.0 : 1.0; };
  EXPECT_GT(steps_until_found(watch, 2000, [&] { return simulation.step(twice, none_slow); }),
            2000);
}

// Small products are slow ones, and hold nobody up.
TEST(StragglerWatch, ARankWithLittleToDoIsNotSlow) {
  Simulation simulation(3, 6, {});
  StragglerWatch watch(3);
  const auto little = [](int rank) { return rank == 0 ? 0.25 : 1.0; };
  const auto inefficient = [](int rank, StepPart) { return rank == 0 ? 2.0 : 1.0; };
  EXPECT_GT(steps_until_found(watch, 2000, [&] { return simulation.step(little, inefficient); }),
            2000);
}

TEST(StragglerWatch, OneThatRecoversIsNamedNoLonger) {
  Simulation simulation(2, 7, {});
  StragglerWatch watch(2);
  const auto slow = [](int rank, StepPart) { return rank == 1 ? 1.5 : 1.0; };
  for (int i = 0; i < 30; ++i) {
    watch.add(simulation.step(evenly, slow));
  }
  EXPECT_FALSE(watch.found().empty());
  for (int i = 0; i < 30; ++i) {
    watch.add(simulation.step(evenly, none_slow));
  }
  EXPECT_TRUE(watch.found().empty());
}

TEST(StragglerWatch, ALoneRankIsNeverSlow) {
  StragglerWatch watch(1);
  Simulation simulation(1, 8, {});
  EXPECT_GT(steps_until_found(watch, 100, [&] { return simulation.step(evenly, none_slow); }), 100);
}

}  // namespace
}  // namespace bam
