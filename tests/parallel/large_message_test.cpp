// A long test: messages beyond MPI's 2^31 bytes, which travel in pieces.
#include <gtest/gtest.h>

#include "tests/parallel/ranks.h"

namespace bam::testing {
namespace {

constexpr std::int64_t kRows = (std::int64_t{1} << 29) + 1000;  // 4 bytes each

TEST(LargeMessage, ArrivesWhole) {
  Memory memory;
  Stream stream(memory);
  const Tensor rows(stream, {kRows}, DType::kInt32);
  const std::span<std::int32_t> values = rows.span<std::int32_t>();
  if (world().rank() == 0) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<std::int32_t>(i * 7);
    }
    world().transfer(stream, {{1, rows}}, {}).wait(stream);
    return;
  }
  world().transfer(stream, {}, {{0, rows}}).wait(stream);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    wrong += values[i] != static_cast<std::int32_t>(i * 7) ? 1 : 0;
  }
  EXPECT_EQ(wrong, 0U);
}

}  // namespace
}  // namespace bam::testing
