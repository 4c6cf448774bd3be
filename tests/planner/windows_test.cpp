// Loads that change: plans for several windows, for windows not seen, and with few moves.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/planner/made_loads.h"

namespace bam {
namespace {

int replicas_of(const LayerPlan& plan) {
  int count = 0;
  for (const auto& replicas : plan.experts) {
    count += static_cast<int>(replicas.size());
  }
  return count;
}

/// Tokens per expert of a window: what so many choices drawn at random come to.
std::vector<double> window_of(const std::vector<double>& popularity, double choices, Draw& draw) {
  double total = 0;
  for (const double load : popularity) {
    total += load;
  }
  std::vector<double> window;
  for (const double load : popularity) {
    const double expected = choices * load / total;
    window.push_back(std::max(0.0, std::round(expected + std::sqrt(expected) * draw.normal())));
  }
  return window;
}

TEST(Windows, AnUnseenOneIsServedNearlyAsWellAsWithHindsight) {
  Draw draw(21);
  for (const double sigma : {0.5, 1.0, 1.5}) {
    const auto popularity = draw.lognormal(256, sigma);
    PlacementProblem problem = problem_of(popularity, 32, 288);
    problem.windows.clear();
    for (int window = 0; window < 4; ++window) {
      problem.windows.push_back(window_of(popularity, 8 << 20, draw));
    }
    const LayerPlan plan = place(problem);
    EXPECT_EQ(faults_of(plan, problem), "");
    const PlacementProblem unseen = problem_of(window_of(popularity, 8 << 20, draw), 32, 288);
    const double loss = worst_time(plan, unseen) / place(unseen).certificate.worst - 1;
    std::cout << "sigma " << sigma << ": " << 100 * loss << " % worse than with hindsight\n";
    EXPECT_LE(loss, 0.02);
  }
}

/// Four domains whose experts differ in popularity, one window after the other.
struct Domains {
  std::vector<std::vector<double>> popularity;

  explicit Domains(Draw& draw) {
    const auto base = draw.lognormal(256, 1.0);
    for (int domain = 0; domain < 4; ++domain) {
      auto& own = popularity.emplace_back(base);
      for (double& load : own) {
        load *= std::exp(0.3 * draw.normal());
      }
    }
  }
  PlacementProblem problem(int windows, Draw& draw) const {
    PlacementProblem problem = problem_of(popularity.front(), 32, 288);
    problem.windows.clear();
    for (int window = 0; window < windows; ++window) {
      problem.windows.push_back(
          window_of(popularity[static_cast<std::size_t>(window) % 4], 8 << 20, draw));
    }
    return problem;
  }
};

TEST(Windows, AreServedEachAndNotOnlyOnAverage) {
  Draw draw(22);
  const Domains domains(draw);
  const PlacementProblem seen = domains.problem(8, draw);
  const PlacementProblem unseen = domains.problem(8, draw);
  PlacementProblem averaged = seen;
  averaged.windows = {seen.mean_loads()};
  double hindsight = 0;
  for (const auto& loads : unseen.windows) {
    hindsight += place(problem_of(loads, 32, 288)).certificate.worst / unseen.window_count();
  }
  const double each = worst_time(place(seen), unseen) / hindsight - 1;
  const double average = worst_time(place(averaged), unseen) / hindsight - 1;
  std::cout << "worse than with hindsight for each window: " << 100 * each
            << " %, planned on the average " << 100 * average << " %\n";
  EXPECT_LE(each, 0.03);
  EXPECT_GE(average, 0.10);
}

TEST(Windows, BoundHoldsForSmallOnes) {
  Draw draw(23);
  for (int i = 0; i < 20; ++i) {
    PlacementProblem problem = problem_of(draw.lognormal(8, 1.0), 4, 10);
    problem.windows.push_back(draw.lognormal(8, 1.0));
    problem.windows.push_back(draw.tokens(8, 10));
    const LayerPlan plan = place(problem);
    EXPECT_EQ(faults_of(plan, problem), "");
    EXPECT_GE(plan.certificate.gap(), 0);
  }
}

// A group that is heavy in one window and a group that is heavy in another.
TEST(Windows, BoundHoldsUnderANodeLimit) {
  Draw draw(24);
  for (int i = 0; i < 60; ++i) {
    const int group = draw.whole(1, 3);
    const int experts = group * draw.whole(2, 4);
    PlacementProblem problem = problem_of(draw.lognormal(experts, 1.5), 4, 4 * ((experts + 3) / 4));
    problem.slots -= problem.slots % 2;
    for (int window = draw.whole(1, 3); window > 0; --window) {
      problem.windows.push_back(draw.lognormal(experts, 1.5));
    }
    problem.nodes = 2;
    problem.group = group;
    for (RankRoom& rank : problem.ranks) {
      rank.slots += 2;
    }
    problem.slots += 4;
    const LayerPlan plan = place(problem);
    EXPECT_EQ(faults_of(plan, problem), "") << "problem " << i;
  }
}

// A bound that only the windows' mean has is no bound of a search over the windows, and is named
// so.
TEST(Windows, BoundsAreNamedByWhatTheyAre) {
  PlacementProblem problem = problem_of({6, 1, 1}, 2, 3);
  problem.windows.push_back({1, 6, 2});
  problem.windows.push_back({1, 2, 6});
  problem.shares = SharePolicy::kFree;
  const LayerPlan free = place(problem);
  EXPECT_NE(free.certificate.proof, Proof::kSearch);
  EXPECT_EQ(faults_of(free, problem), "");
  problem.shares = SharePolicy::kEqual;
  const LayerPlan equal = place(problem);
  EXPECT_EQ(equal.certificate.proof, Proof::kSearch);
  EXPECT_EQ(equal.certificate.gap(), 0);
  EXPECT_EQ(faults_of(equal, problem), "");
}

// Equal shares are among the free ones.
TEST(Windows, FreeSharesAreNoWorseThanEqualOnes) {
  Draw draw(25);
  for (int i = 0; i < 20; ++i) {
    PlacementProblem problem = problem_of(draw.lognormal(8, 1.0), 4, 12);
    problem.windows.push_back(draw.lognormal(8, 1.0));
    const double equal = place(problem).certificate.worst;
    problem.shares = SharePolicy::kFree;
    const LayerPlan plan = place(problem);
    EXPECT_LE(plan.certificate.worst, equal * (1 + 1e-9)) << "problem " << i;
    EXPECT_EQ(faults_of(plan, problem), "") << "problem " << i;
  }
}

struct Drift {
  double gain = 0;   // part of what planning anew would gain
  double moved = 0;  // part of the replicas
};

Drift drift_of(int slots, double sigma, double drift, std::uint64_t seed) {
  Draw draw(seed);
  auto loads = draw.lognormal(256, sigma);
  const LayerPlan before = place(problem_of(loads, 32, slots));
  for (double& load : loads) {
    load *= std::exp(drift * draw.normal());
  }
  const PlacementProblem problem = problem_of(loads, 32, slots);
  const int replicas = replicas_of(before);
  const LayerPlan after = place_from(before, problem, replicas / 10);
  EXPECT_EQ(faults_of(after, problem), "");
  const double kept = worst_time(before, problem);
  return {(kept - after.certificate.worst) / (kept - place(problem).certificate.worst),
          static_cast<double>(moved_replicas(before, after)) / replicas};
}

TEST(Drift, ATenthOfTheReplicasBringsNineTenthsOfTheGain) {
  for (const int slots : {288, 320}) {
    for (const double drift : {0.1, 0.3}) {
      double gain = 0;
      for (std::uint64_t seed = 1; seed <= 9; ++seed) {
        const double sigma = 0.5 * static_cast<double>(1 + seed % 3);
        const Drift found = drift_of(slots, sigma, drift, seed);
        EXPECT_LE(found.moved, 0.1);
        gain += found.gain / 9;
      }
      std::cout << slots << " slots, drift " << drift << ": " << 100 * gain << " % of the gain\n";
      EXPECT_GE(gain, 0.9);
    }
  }
}

TEST(Drift, SaysWhereTheLimitOnMovesBinds) {
  const PlacementProblem problem = problem_of({8, 8, 1, 1, 1, 1}, 2, 6);
  LayerPlan before = place(problem);
  before.experts = {{{0, 1}}, {{0, 1}}, {{0, 1}}, {{1, 1}}, {{1, 1}}, {{1, 1}}};
  const LayerPlan kept = place_from(before, problem, 0);
  EXPECT_EQ(kept.certificate.binding, Binding::kMoves);
  const LayerPlan moved = place_from(before, problem, 2);
  EXPECT_EQ(moved.certificate.worst, 10);
  EXPECT_EQ(moved.certificate.binding, Binding::kMean);
  // No single step helps, and yet another placement is better.
  const PlacementProblem more = problem_of(first_layer(), 8, 20);
  const LayerPlan stuck = place_from(place(problem_of(first_layer(), 8, 16)), more, 1);
  EXPECT_EQ(stuck.certificate.binding, Binding::kMoves);
}

TEST(Drift, WithoutMovesNothingChanges) {
  Draw draw(31);
  const PlacementProblem problem = problem_of(draw.lognormal(32, 1.0), 8, 40);
  const LayerPlan before = place(problem);
  const PlacementProblem later = problem_of(draw.lognormal(32, 1.0), 8, 40);
  const LayerPlan after = place_from(before, later, 0);
  EXPECT_EQ(moved_replicas(before, after), 0);
  EXPECT_LE(after.certificate.worst, worst_time(before, later) * (1 + 1e-12));
}

}  // namespace
}  // namespace bam
