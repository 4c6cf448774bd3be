#include "runtime/random.h"

#include <set>

#include "tests/runtime/tensors.h"

namespace bam {
namespace {

TEST(Philox, GivesItsAuthorsKnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (std::array<std::uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr std::uint32_t kOnes = 0xffffffff;
  EXPECT_EQ(philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
            (std::array<std::uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
}

TEST(FillNormal, DrawsAnElementTheSameFromAnyFirstAndThreads) {
  Device device;
  const Random random(3, "weight");
  const Tensor whole(device.stream, {10000}, DType::kFloat32);
  fill_normal(device.stream, random, 0.5, 0, whole);
  with_thread_counts([&] {
    const Tensor part(device.stream, {5001}, DType::kFloat32);
    fill_normal(device.stream, random, 0.5, 3333, part);
    EXPECT_TRUE(bytes_in(device.stream, part) == bytes_in(device.stream, whole.slice(3333, 8334)));
  });
}

TEST(FillNormal, HasMeanZeroAndItsDeviation) {
  Device device;
  const Tensor values(device.stream, {100000}, DType::kFloat32);
  fill_normal(device.stream, Random(3, "weight"), 0.5, 0, values);
  double sum = 0;
  for (const double value : values_of(device.stream, values)) {
    sum += value;
  }
  EXPECT_NEAR(sum / 1e5, 0, 0.01);
  EXPECT_NEAR(squared_norm(device.stream, values) / 1e5, 0.25, 0.01);
}

TEST(Random, DiffersByNameAndSeedAndStaysInRange) {
  EXPECT_NE(Random(1, "a").word64(0), Random(1, "b").word64(0));
  EXPECT_NE(Random(1, "a").word64(0), Random(2, "a").word64(0));
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const double value = Random(1, "a").uniform(i);
    EXPECT_TRUE(0 <= value && value < 1);
  }
}

TEST(Permutation, VisitsEveryIndexOnceAndChangesWithTheEpoch) {
  const Random random(5, "order");
  for (const std::uint64_t size : {1U, 2U, 3U, 10U, 64U, 65U, 1000U}) {
    const Permutation permutation(random, 0, size);
    std::set<std::uint64_t> seen;
    for (std::uint64_t i = 0; i < size; ++i) {
      seen.insert(permutation(i));
    }
    EXPECT_EQ(seen.size(), size);
    EXPECT_LT(*seen.rbegin(), size);
  }
  const Permutation first(random, 0, 1000);
  const Permutation second(random, 1, 1000);
  int same = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    same += first(i) == second(i) ? 1 : 0;
  }
  EXPECT_LT(same, 10);
}

}  // namespace
}  // namespace bam
