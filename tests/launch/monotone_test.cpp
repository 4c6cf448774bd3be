// What a disturbed measurement makes of a curve, on made-up timings.
#include "launch/monotone.h"

#include <gtest/gtest.h>

namespace bam {
namespace {

/// Sizes 1, 2, 4, .. that took so many seconds.
std::vector<TimedSize> curve_of(const std::vector<double>& seconds) {
  std::vector<TimedSize> points;
  double size = 1;
  for (const double each : seconds) {
    points.push_back({{size}, each, "size " + std::to_string(static_cast<int>(size))});
    size *= 2;
  }
  return points;
}

std::vector<double> seconds_of(const std::vector<TimedSize>& points) {
  std::vector<double> seconds;
  for (const TimedSize& point : points) {
    seconds.push_back(point.seconds);
  }
  return seconds;
}

double never(std::size_t) {
  ADD_FAILURE() << "measured again where nothing was disturbed";
  return 0;
}

TEST(Monotone, LeavesAGrowingCurveAlone) {
  std::vector<TimedSize> points = curve_of({1, 1, 2, 5});
  EXPECT_TRUE(make_monotone(points, never).empty());
  EXPECT_EQ(seconds_of(points), (std::vector<double>{1, 1, 2, 5}));
}

TEST(Monotone, MeasuresAnOutlierAgain) {
  std::vector<TimedSize> points = curve_of({1, 50, 3, 4});
  std::vector<std::size_t> measured;
  const auto again = [&](std::size_t at) {
    measured.push_back(at);
    return 2.0;
  };
  EXPECT_TRUE(make_monotone(points, again).empty());
  EXPECT_EQ(measured, std::vector<std::size_t>{1});
  EXPECT_EQ(seconds_of(points), (std::vector<double>{1, 2, 3, 4}));
}

TEST(Monotone, NamesAnOutlierThatStays) {
  std::vector<TimedSize> points = curve_of({1, 50, 3, 4});
  const auto told = make_monotone(points, [](std::size_t) { return 60.0; });
  EXPECT_EQ(told, std::vector<std::string>{
                      "size 2 took 50 s, longer than size 4 (3 s), and counts as long as that"});
  EXPECT_EQ(seconds_of(points), (std::vector<double>{1, 3, 3, 4}));
}

TEST(Monotone, SmoothsWhatIsNotWorthAWord) {
  std::vector<TimedSize> points = curve_of({1, 2.1, 2, 4});
  EXPECT_TRUE(make_monotone(points, never).empty());
  EXPECT_EQ(seconds_of(points), (std::vector<double>{1, 2, 2, 4}));
}

// A size of two dimensions is larger where neither is smaller.
TEST(Monotone, ComparesWhatIsLargerInEveryDimension) {
  std::vector<TimedSize> points = {
      {{1, 8}, 6, "flat"}, {{8, 1}, 3, "tall"}, {{8, 8}, 7, "square"}, {{2, 1}, 9, "small"}};
  const auto told = make_monotone(points, [](std::size_t) { return 9.0; });
  ASSERT_EQ(told.size(), 1U);
  EXPECT_TRUE(told[0].starts_with("small took 9 s, longer than tall")) << told[0];
  EXPECT_EQ(seconds_of(points), (std::vector<double>{6, 3, 7, 3}));
}

}  // namespace
}  // namespace bam
