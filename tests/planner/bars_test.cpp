// The sizes and qualities that the planner promises.
#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

#include "tests/planner/made_loads.h"

namespace bam {
namespace {

constexpr double kSame = 1e-9;

struct Layer {
  const char* name;
  std::vector<double> loads;
  double equal, on_nodes;      // proven optima
  double free, free_on_nodes;  // at most
};

void PrintTo(const Layer& each, std::ostream* out) { *out << each.name; }

class PublicLayers : public testing::TestWithParam<Layer> {
 protected:
  static LayerPlan placed(SharePolicy shares, int group) {
    PlacementProblem problem = problem_of(GetParam().loads, 8, 16);
    problem.shares = shares;
    problem.group = group;
    problem.nodes = group > 0 ? 2 : 1;
    const LayerPlan plan = place(problem);
    EXPECT_EQ(faults_of(plan, problem), "");
    EXPECT_LE(plan.certificate.gap(), kSame);
    return plan;
  }
};

TEST_P(PublicLayers, EqualSharesAreProvenBest) {
  const Certificate found = placed(SharePolicy::kEqual, 0).certificate;
  EXPECT_DOUBLE_EQ(found.worst, GetParam().equal);
  EXPECT_EQ(found.binding, Binding::kMemory);
}

TEST_P(PublicLayers, GroupsOnNodesAreProvenBest) {
  const Certificate found = placed(SharePolicy::kEqual, 3).certificate;
  EXPECT_DOUBLE_EQ(found.worst, GetParam().on_nodes);
  EXPECT_EQ(found.binding, Binding::kNodeLimit);
}

TEST_P(PublicLayers, FreeSharesAreBetterStill) {
  EXPECT_LE(placed(SharePolicy::kFree, 0).certificate.worst, GetParam().free);
  EXPECT_LE(placed(SharePolicy::kFree, 3).certificate.worst, GetParam().free_on_nodes);
}

INSTANTIATE_TEST_SUITE_P(Bars, PublicLayers,
                         testing::Values(Layer{"first", first_layer(), 136, 151, 129.6, 151},
                                         Layer{"second", second_layer(), 172, 179.5, 146.5, 179.5}),
                         [](const auto& test) { return test.param.name; });

struct Gaps {
  double mean = 0;
  double worst = 0;
  double seconds = 0;
};

Gaps gaps_of(int experts, int slots, int ranks, double sigma, int layers) {
  Draw draw(static_cast<std::uint64_t>(slots + ranks) * 10 + static_cast<std::uint64_t>(2 * sigma));
  Gaps gaps;
  for (int layer = 0; layer < layers; ++layer) {
    const PlacementProblem problem = problem_of(draw.lognormal(experts, sigma), ranks, slots);
    const double before = processor_seconds();
    const LayerPlan plan = place(problem);
    gaps.seconds += processor_seconds() - before;
    gaps.mean += plan.certificate.gap() / layers;
    gaps.worst = std::max(gaps.worst, plan.certificate.gap());
    EXPECT_EQ(faults_of(plan, problem), "") << "layer " << layer;
  }
  std::cout << experts << " experts, " << slots << " slots, " << ranks << " ranks, sigma " << sigma
            << ": gap " << 100 * gaps.mean << " % mean, " << 100 * gaps.worst << " % worst, "
            << gaps.seconds << " s for " << layers << " layers\n";
  return gaps;
}

using LargeModel = testing::TestWithParam<std::tuple<int, int, double>>;

TEST_P(LargeModel, IsPlacedNearTheBoundInTwoSeconds) {
  const auto [slots, ranks, sigma] = GetParam();
  const Gaps gaps = gaps_of(256, slots, ranks, sigma, 58);
  EXPECT_LE(gaps.mean, 0.005);
  EXPECT_LE(gaps.worst, 0.01);
#ifdef NDEBUG
  EXPECT_LE(gaps.seconds, 2.0);
#endif
}

INSTANTIATE_TEST_SUITE_P(Bars, LargeModel,
                         testing::Combine(testing::Values(288, 320), testing::Values(32, 64),
                                          testing::Values(0.5, 1.0, 1.5)));

TEST(MiddleModel, IsPlacedWithinTwoPercent) { EXPECT_LE(gaps_of(64, 80, 16, 1.5, 58).worst, 0.02); }

}  // namespace
}  // namespace bam
