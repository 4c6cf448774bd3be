// The verifier must see everything that can be wrong with a plan.
#include "parallel/planner/verify/verifier.h"

#include <gtest/gtest.h>

#include "tests/planner/made_loads.h"

namespace bam {
namespace {

struct Case {
  PlacementProblem problem;
  LayerPlan plan;
};

Case public_case(SharePolicy shares, int nodes) {
  PlacementProblem problem = problem_of(first_layer(), 8, 16);
  problem.shares = shares;
  problem.nodes = nodes;
  problem.group = nodes > 1 ? 3 : 0;
  return {problem, place(problem)};
}

void expect_fault(const LayerPlan& plan, const PlacementProblem& problem, const std::string& what) {
  EXPECT_NE(faults_of(plan, problem).find(what), std::string::npos) << faults_of(plan, problem);
}

TEST(Verifier, AcceptsWhatIsRight) {
  for (const auto shares : {SharePolicy::kEqual, SharePolicy::kFree}) {
    for (const int nodes : {1, 2}) {
      const Case good = public_case(shares, nodes);
      EXPECT_EQ(faults_of(good.plan, good.problem), "");
    }
  }
}

TEST(Verifier, SeesReplicasThatAreWrong) {
  const Case good = public_case(SharePolicy::kEqual, 1);
  LayerPlan plan = good.plan;
  plan.experts[2].clear();
  expect_fault(plan, good.problem, "expert 2 has no replica");
  plan = good.plan;
  plan.experts[2].front().rank = 8;
  expect_fault(plan, good.problem, "expert 2: rank 8 of 8");
  plan = good.plan;
  plan.experts[3] = {{1, 0.5}, {1, 0.5}};
  expect_fault(plan, good.problem, "expert 3 is on rank 1 twice");
  plan = good.plan;
  plan.experts[4].front().share = 0.9;
  expect_fault(plan, good.problem, "expert 4");
  plan = good.plan;
  plan.experts.pop_back();
  expect_fault(plan, good.problem, "11 experts");
}

TEST(Verifier, SeesSharesThatAreNotEqual) {
  const Case good = public_case(SharePolicy::kFree, 1);
  PlacementProblem equal = good.problem;
  equal.shares = SharePolicy::kEqual;
  expect_fault(good.plan, equal, "where equal shares are");
}

TEST(Verifier, SeesRanksAndNodesOverfull) {
  const Case good = public_case(SharePolicy::kEqual, 1);
  PlacementProblem smaller = good.problem;
  smaller.ranks[0].slots = 1;
  expect_fault(good.plan, smaller, "rank 0 holds 2 replicas and has 1 slots");
  smaller = good.problem;
  smaller.slots = 12;
  expect_fault(good.plan, smaller, "where there are 12 slots");
  PlacementProblem limited = good.problem;
  limited.nodes = 2;
  limited.group = 3;
  expect_fault(good.plan, limited, "its group on node");
}

TEST(Verifier, SeesAFalseTime) {
  Case good = public_case(SharePolicy::kEqual, 1);
  good.plan.certificate.worst = 135;
  expect_fault(good.plan, good.problem, "takes 136 where the certificate says 135");
}

TEST(Verifier, SeesABoundThatDoesNotHold) {
  for (const auto shares : {SharePolicy::kEqual, SharePolicy::kFree}) {
    for (const int nodes : {1, 2}) {
      for (const auto proof : {Proof::kMean, Proof::kSlots, Proof::kCrowding, Proof::kNodes,
                               Proof::kWindows, Proof::kSearch, Proof::kMeanSearch}) {
        Case good = public_case(shares, nodes);
        // A worse placement that claims to be the best: two experts trade places.
        std::swap(good.plan.experts[7], good.plan.experts[0]);
        good.plan.certificate.worst = worst_time(good.plan, good.problem);
        ASSERT_GT(good.plan.certificate.worst, good.plan.certificate.bound);
        good.plan.certificate.bound = good.plan.certificate.worst;
        good.plan.certificate.proof = proof;
        expect_fault(good.plan, good.problem, "does not follow");
      }
    }
  }
}

TEST(Verifier, SeesABoundOverSeveralWindowsThatDoesNotHold) {
  PlacementProblem problem = problem_of(first_layer(), 8, 16);
  problem.windows.push_back(second_layer());
  const LayerPlan good = place(problem);
  EXPECT_EQ(good.certificate.proof, Proof::kSearch);
  EXPECT_EQ(faults_of(good, problem), "");
  LayerPlan worse = good;
  std::swap(worse.experts[7], worse.experts[0]);
  worse.certificate.worst = worst_time(worse, problem);
  ASSERT_GT(worse.certificate.worst, good.certificate.worst);
  for (const auto proof : {Proof::kWindows, Proof::kSearch, Proof::kMeanSearch}) {
    worse.certificate.bound = worse.certificate.worst;
    worse.certificate.proof = proof;
    expect_fault(worse, problem, "does not follow");
  }
}

TEST(Verifier, SeesABoundAboveTheTime) {
  Case good = public_case(SharePolicy::kEqual, 1);
  good.plan.certificate.bound = 137;
  expect_fault(good.plan, good.problem, "is above the placement's own 136");
}

TEST(Verifier, SaysSoWhereAProofTakesTooLong) {
  const Case good = public_case(SharePolicy::kEqual, 1);
  const Verdict verdict = verify(good.plan, good.problem, 100);
  ASSERT_FALSE(verdict.holds());
  EXPECT_NE(verdict.faults.front().find("could not be checked"), std::string::npos);
}

TEST(Verifier, AgreesThatCrowdingBinds) {
  // One expert with more load than all others: its replicas fill ranks that the small ones must
  // join.
  Draw draw(51);
  std::vector<double> loads = draw.lognormal(63, 0.5);
  double total = 0;
  for (const double load : loads) {
    total += load;
  }
  loads.push_back(total * 1.4);
  const PlacementProblem problem = problem_of(loads, 16, 74);
  const LayerPlan plan = place(problem);
  EXPECT_EQ(plan.certificate.proof, Proof::kCrowding);
  EXPECT_EQ(plan.certificate.binding, Binding::kMemory);
  EXPECT_EQ(faults_of(plan, problem), "");
}

}  // namespace
}  // namespace bam
