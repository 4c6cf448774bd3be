// What `bam plan calibrate` measures, on several ranks.
#include "launch/calibration.h"

#include <gtest/gtest.h>

#include "tests/parallel/ranks.h"

namespace bam::testing {
namespace {

// However often an exchange is repeated until its time is known: ranks that disagree on it wait for
// each other for ever.
TEST(Calibration, RepeatsExchangesEquallyOftenOnEveryRank) {
  Memory memory;
  Stream stream(memory);
  Disturbances disturbances;
  const Link link =
      measure_link(stream, world(), world(), CalibrationEffort::kThorough, disturbances);
  EXPECT_EQ(link.gather.size(), link.all_to_all.size());
  EXPECT_GT(link.bandwidth, 0);
  EXPECT_GT(link.latency, 0);
  double bytes = 0;
  double seconds = 0;
  for (const TransferPoint& point : link.all_to_all) {
    EXPECT_GT(point.bytes, bytes);
    EXPECT_GT(point.seconds, 0);
    EXPECT_GE(point.seconds, seconds);
    bytes = point.bytes;
    seconds = point.seconds;
  }
}

TEST(Calibration, FindsThePartOfAnExchangeThatComputeHides) {
  Memory memory;
  Stream stream(memory);
  const double hides = measure_hiding(stream, world(), CalibrationEffort::kQuick);
  EXPECT_GE(hides, 0);
  EXPECT_LE(hides, 1);
}

}  // namespace
}  // namespace bam::testing
