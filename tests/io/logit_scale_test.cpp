#include "io/logit_scale.h"

#include <gtest/gtest.h>

#include <bit>
#include <vector>

#include "runtime/check.h"

namespace bam {
namespace {

TEST(LogitScale, GoesInExactlyOrNotAtAll) {
  std::vector<float> values = {1.0F, -0.3F, 0.0F};
  multiply_exactly(values, 0.25, "scale");
  EXPECT_EQ(values, (std::vector<float>{0.25F, -0.3F / 4, 0.0F}));
  values = {1.0F, 2.0F};
  multiply_exactly(values, 0.75, "scale");
  EXPECT_EQ(values, (std::vector<float>{0.75F, 1.5F}));
  for (const double scale : {0.1, 1e300, 1e-300, 0.3}) {
    values = {1.0F, 0.3F};
    EXPECT_THROW(multiply_exactly(values, scale, "scale"), BadInput) << scale;
    EXPECT_THROW(divide_exactly(values, scale, "scale"), BadInput) << scale;
  }
  values = {std::bit_cast<float>(3U)};  // subnormal: half of it is none
  EXPECT_THROW(multiply_exactly(values, 0.5, "scale"), BadInput);
}

}  // namespace
}  // namespace bam
