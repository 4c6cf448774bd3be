#include "launch/text_table.h"

#include <gtest/gtest.h>

namespace bam {
namespace {

TEST(BytesText, HasThreeDigitsInTheUnitThatFits) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(999), "999 B");
  EXPECT_EQ(bytes_text(1000), "1.00 kB");
  EXPECT_EQ(bytes_text(9994), "9.99 kB");
  EXPECT_EQ(bytes_text(9996), "10.0 kB");
  EXPECT_EQ(bytes_text(45'600'000), "45.6 MB");
  EXPECT_EQ(bytes_text(99'960'000), "100 MB");
  EXPECT_EQ(bytes_text(999'400'000), "999 MB");
  EXPECT_EQ(bytes_text(999'600'000), "1.00 GB");
  EXPECT_EQ(bytes_text(80e9), "80.0 GB");
  EXPECT_EQ(bytes_text(1.5e15), "1.50 PB");
  EXPECT_EQ(bytes_text(2e18), "2000 PB");
}

}  // namespace
}  // namespace bam
