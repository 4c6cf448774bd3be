// What every placement must be, whatever the loads.
#include "parallel/planner/place.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "runtime/check.h"
#include "tests/planner/made_loads.h"

namespace bam {
namespace {

constexpr double kSame = 1e-9;

LayerPlan checked(const PlacementProblem& problem) {
  const LayerPlan plan = place(problem);
  EXPECT_EQ(faults_of(plan, problem), "");
  return plan;
}

TEST(Place, OneExpertOnOneRank) {
  const LayerPlan plan = checked(problem_of({3}, 1, 1));
  EXPECT_DOUBLE_EQ(plan.certificate.worst, 3);
  EXPECT_DOUBLE_EQ(plan.certificate.bound, 3);
}

TEST(Place, DividesEvenlyWhereThatIsPossible) {
  const LayerPlan plan = checked(problem_of({4, 4, 4, 4}, 2, 4));
  EXPECT_DOUBLE_EQ(plan.certificate.worst, 8);
  EXPECT_EQ(plan.certificate.binding, Binding::kMean);
  EXPECT_EQ(plan.certificate.proof, Proof::kMean);
}

TEST(Place, NamesTheHottestExpertWhereNothingElseCanHelp) {
  const LayerPlan plan = checked(problem_of({10, 1, 1, 1}, 4, 4));
  EXPECT_DOUBLE_EQ(plan.certificate.worst, 10);
  EXPECT_EQ(plan.certificate.binding, Binding::kHottest);
}

TEST(Place, AllTokensToOneExpertAreSpreadOverAllRanks) {
  const LayerPlan plan = checked(problem_of({0, 0, 12, 0}, 3, 6));
  EXPECT_DOUBLE_EQ(plan.certificate.worst, 4);
  EXPECT_EQ(plan.experts[2].size(), 3U);
}

TEST(Place, AnOddNumberOfRanksAndSlotsThatDoNotDivide) {
  Draw draw(41);
  for (const int slots : {20, 23, 31}) {
    EXPECT_LE(checked(problem_of(draw.lognormal(20, 1.0), 7, slots)).certificate.gap(), 0.05);
  }
}

TEST(Place, FastRanksGetMore) {
  PlacementProblem problem = problem_of({4, 4, 4, 4, 4, 4}, 2, 8);
  problem.ranks[1].speed = 2;
  const LayerPlan plan = checked(problem);
  EXPECT_DOUBLE_EQ(plan.certificate.worst, 8);
  EXPECT_DOUBLE_EQ(plan.certificate.bound, 8);
}

TEST(Place, SmallRanksGetFewer) {
  Draw draw(42);
  PlacementProblem problem = problem_of(draw.lognormal(64, 1.0), 8, 80);
  problem.ranks[3].slots = 2;
  problem.slots = 72;
  EXPECT_LE(checked(problem).certificate.gap(), 0.05);
}

TEST(Place, IsTheSameEachTime) {
  Draw draw(43);
  for (const auto shares : {SharePolicy::kEqual, SharePolicy::kFree}) {
    PlacementProblem problem = problem_of(draw.lognormal(48, 1.0), 6, 60);
    problem.shares = shares;
    const LayerPlan once = place(problem);
    const LayerPlan again = place(problem);
    for (std::size_t expert = 0; expert < once.experts.size(); ++expert) {
      ASSERT_EQ(once.experts[expert].size(), again.experts[expert].size());
      for (std::size_t i = 0; i < once.experts[expert].size(); ++i) {
        EXPECT_EQ(once.experts[expert][i].rank, again.experts[expert][i].rank);
        EXPECT_EQ(once.experts[expert][i].share, again.experts[expert][i].share);
      }
    }
  }
}

TEST(FreeShares, ReachTheMeanWhereReplicasSuffice) {
  Draw draw(44);
  for (int i = 0; i < 50; ++i) {
    const int ranks = draw.whole(1, 12);
    const int slots = draw.whole(2, 6);
    const int experts = draw.whole(1, ranks * (slots - 1) + 1);
    PlacementProblem problem =
        problem_of(draw.lognormal(experts, 2.0), ranks, std::max(experts, ranks * slots));
    problem.shares = SharePolicy::kFree;
    EXPECT_LE(checked(problem).certificate.gap(), 1e-6)
        << experts << " experts, " << ranks << " ranks";
  }
}

TEST(FreeShares, AreNeverWorseThanEqualOnes) {
  Draw draw(45);
  for (int i = 0; i < 100; ++i) {
    const int ranks = draw.whole(1, 8);
    const int experts = draw.whole(1, 24);
    PlacementProblem problem =
        problem_of(draw.tokens(experts, 100), ranks, experts + draw.whole(0, ranks));
    const double equal = checked(problem).certificate.worst;
    problem.shares = SharePolicy::kFree;
    EXPECT_LE(checked(problem).certificate.worst, equal * (1 + kSame)) << "problem " << i;
  }
}

TEST(FreeShares, ServeALargeModelAtTheMean) {
  Draw draw(46);
  PlacementProblem problem = problem_of(draw.lognormal(256, 1.0), 64, 320);
  problem.shares = SharePolicy::kFree;
  EXPECT_LE(checked(problem).certificate.gap(), 1e-4);
}

/// The best of all divisions of groups over nodes, each node placed on its own.
double best_division(const PlacementProblem& problem) {
  const int groups = problem.experts() / problem.group;
  const int ranks = problem.rank_count() / problem.nodes;
  const int slots = problem.slots / problem.nodes;
  double best = std::numeric_limits<double>::infinity();
  int divisions = 1;
  for (int group = 0; group < groups; ++group) {
    divisions *= problem.nodes;
  }
  for (int division = 0; division < divisions; ++division) {
    std::vector<std::vector<double>> loads(static_cast<std::size_t>(problem.nodes));
    for (int expert = 0, code = division; expert < problem.experts(); ++expert) {
      loads[static_cast<std::size_t>(code % problem.nodes)].push_back(
          problem.windows[0][static_cast<std::size_t>(expert)]);
      code = (expert + 1) % problem.group == 0 ? code / problem.nodes : code;
    }
    double worst = 0;
    for (const auto& own : loads) {
      if (static_cast<int>(own.size()) > slots) {
        worst = std::numeric_limits<double>::infinity();
      } else if (std::any_of(own.begin(), own.end(), [](double load) { return load > 0; })) {
        worst = std::max(worst, place(problem_of(own, ranks, slots)).certificate.worst);
      }
    }
    best = std::min(best, worst);
  }
  return best;
}

TEST(NodeLimit, EqualsTheBestOfAllDivisions) {
  Draw draw(47);
  for (int i = 0; i < 60; ++i) {
    const int nodes = draw.whole(2, 3);
    const int group = draw.whole(1, 3);
    const int ranks = nodes * draw.whole(1, 2);
    const int experts = group * draw.whole(nodes, 4);
    const int per_node = group * ((experts / group + nodes - 1) / nodes) + draw.whole(0, 2);
    const int per_rank = (per_node * nodes + ranks - 1) / ranks;
    PlacementProblem problem = problem_of(draw.tokens(experts, 100), ranks, per_rank * ranks);
    problem.nodes = nodes;
    problem.group = group;
    const LayerPlan plan = checked(problem);
    const double best = best_division(problem);
    EXPECT_NEAR(plan.certificate.worst, best, kSame * best) << "problem " << i;
    EXPECT_NEAR(plan.certificate.bound, best, kSame * best) << "problem " << i;
  }
}

TEST(NodeLimit, ServesALargeModelNearTheBound) {
  Draw draw(48);
  for (int i = 0; i < 5; ++i) {
    PlacementProblem problem = problem_of(draw.lognormal(256, 0.5), 32, 288);
    problem.nodes = 4;
    problem.group = 32;
    EXPECT_LE(checked(problem).certificate.gap(), 0.01);
  }
}

TEST(NodeLimit, HoldsWhileReplicasMove) {
  Draw draw(49);
  PlacementProblem problem = problem_of(draw.lognormal(64, 1.0), 16, 80);
  problem.nodes = 4;
  problem.group = 8;
  const LayerPlan before = checked(problem);
  problem.windows = {draw.lognormal(64, 1.0)};
  const LayerPlan after = place_from(before, problem, 20);
  EXPECT_EQ(faults_of(after, problem), "");
  EXPECT_LE(after.certificate.worst, worst_time(before, problem));
  EXPECT_GT(moved_replicas(before, after), 0);
}

struct Spoilt {
  void (*spoil)(PlacementProblem&);
  const char* message;
};

void PrintTo(const Spoilt& each, std::ostream* out) { *out << each.message; }

class BadProblem : public testing::TestWithParam<Spoilt> {};

TEST_P(BadProblem, IsRefusedByName) {
  PlacementProblem problem = problem_of({1, 2, 3, 4}, 4, 8);
  GetParam().spoil(problem);
  try {
    place(problem);
    FAIL() << "accepted";
  } catch (const BadInput& error) {
    EXPECT_NE(std::string(error.what()).find(GetParam().message), std::string::npos)
        << error.what();
  }
}

using P = PlacementProblem;

INSTANTIATE_TEST_SUITE_P(
    Inputs, BadProblem,
    testing::Values(Spoilt{[](P& p) { p.windows.clear(); }, "loads: none"},
                    Spoilt{[](P& p) { p.windows = {{}}; }, "loads: none"},
                    Spoilt{[](P& p) {
                             p.windows.push_back({1, 2});
                           },
                           "window 1 has 2 experts"},
                    Spoilt{[](P& p) { p.windows[0][2] = std::nan(""); }, "expert 2: nan"},
                    Spoilt{[](P& p) { p.windows[0][1] = -1; }, "expert 1: -1"},
                    Spoilt{[](P& p) {
                             p.windows = {{0, 0, 0, 0}};
                           },
                           "all are 0"},
                    Spoilt{[](P& p) {
                             p.windows = {{1e308, 1e308, 0, 0}};
                           },
                           "sum overflows"},
                    Spoilt{[](P& p) { p.ranks.clear(); }, "ranks: 0"},
                    Spoilt{[](P& p) { p.ranks[1].slots = 0; }, "rank 1 has 0"},
                    Spoilt{[](P& p) { p.ranks[2].speed = 0; }, "rank 2 has 0"},
                    Spoilt{[](P& p) { p.slots = 3; }, "slots: 3 are too few"},
                    Spoilt{[](P& p) { p.slots = 9; }, "room for 8"},
                    Spoilt{[](P& p) { p.nodes = 3; }, "nodes: 3 do not divide 4 ranks"},
                    Spoilt{[](P& p) { p.nodes = 2, p.group = 3; },
                           "group: 3 does not divide 4 experts"},
                    Spoilt{[](P& p) { p.nodes = 4, p.group = 4; }, "do not fit"}));

TEST(PlaceFrom, KeepsTheProofOfThePlanThatIsBest) {
  const PlacementProblem problem = problem_of(first_layer(), 8, 16);
  const LayerPlan best = place(problem);
  ASSERT_EQ(best.certificate.proof, Proof::kSearch);
  const LayerPlan kept = place_from(best, problem, 2);
  EXPECT_EQ(kept.experts, best.experts);
  EXPECT_EQ(kept.certificate.bound, best.certificate.bound);
  EXPECT_EQ(kept.certificate.proof, Proof::kSearch);
  EXPECT_EQ(kept.certificate.binding, best.certificate.binding);
  EXPECT_EQ(faults_of(kept, problem), "");
}

// Shares that are best for the windows' mean may be worse for the windows than those it has.
TEST(PlaceFrom, IsNoSlowerThanBefore) {
  Draw draw(50);
  for (int i = 0; i < 8; ++i) {
    PlacementProblem problem = problem_of(draw.lognormal(8, 1.0), 4, 12);
    problem.windows.push_back(draw.lognormal(8, 1.0));
    problem.shares = SharePolicy::kFree;
    const LayerPlan before = place(problem);
    const LayerPlan after = place_from(before, problem, 1, {.proof_steps = 0});
    EXPECT_LE(after.certificate.worst, before.certificate.worst) << i;
    EXPECT_EQ(faults_of(after, problem), "") << i;
  }
}

TEST(PlaceFrom, RefusesGroupsThatAreOnSeveralNodes) {
  PlacementProblem problem = problem_of({1, 2, 3, 4}, 4, 4);
  const LayerPlan current{{{{0, 1}}, {{2, 1}}, {{1, 1}}, {{3, 1}}}, {}};
  EXPECT_NO_THROW(place_from(current, problem, 1));
  problem.nodes = 2;
  problem.group = 2;
  EXPECT_THROW(place_from(current, problem, 1), BadInput);
}

TEST(PlaceFrom, RefusesAPlanThatDoesNotFit) {
  const PlacementProblem problem = problem_of({1, 2, 3, 4}, 2, 4);
  LayerPlan plan = place(problem);
  plan.experts[0].front().rank = 2;
  EXPECT_THROW(place_from(plan, problem, 1), BadInput);
  plan = place(problem);
  plan.experts[3].clear();
  EXPECT_THROW(place_from(plan, problem, 1), BadInput);
  plan = place(problem);
  plan.experts.pop_back();
  EXPECT_THROW(place_from(plan, problem, 1), BadInput);
}

}  // namespace
}  // namespace bam
