#include "runtime/median.h"

#include <gtest/gtest.h>

#include "runtime/check.h"

namespace bam {
namespace {

TEST(Median, HeedsNoSingleOutlier) {
  EXPECT_EQ(median({3, 1000, 1, 2, 2}), 2);
  EXPECT_EQ(median({7}), 7);
}

TEST(Median, OfAnEvenNumberIsTheLargerOfTheTwo) { EXPECT_EQ(median({4, 1, 3, 2}), 3); }

TEST(Median, OfNothingIsNone) { EXPECT_THROW(median({}), Error); }

}  // namespace
}  // namespace bam
