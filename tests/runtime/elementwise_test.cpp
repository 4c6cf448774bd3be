#include "runtime/elementwise.h"

#include <limits>

#include "runtime/check.h"
#include "runtime/cpu/vector_math.h"
#include "tests/runtime/tensors.h"

namespace bam {
namespace {

TEST(FastExp, IsWithinAFewRoundingsOfExp) {
  for (float x = -86.5F; x < 87.5F; x += 0.0137F) {
    const double exact = std::exp(static_cast<double>(x));
    ASSERT_NEAR(cpu::fast_exp(x) / exact, 1.0, 4e-7) << x;
  }
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(cpu::fast_exp(-infinity), 0.0F);
  EXPECT_EQ(cpu::fast_exp(infinity), infinity);
  EXPECT_EQ(cpu::fast_exp(0.0F), 1.0F);
  EXPECT_TRUE(std::isnan(cpu::fast_exp(std::numeric_limits<float>::quiet_NaN())));
}

TEST(Bfloat16, RoundsToNearestEvenAndKeepsNan) {
  EXPECT_EQ(bfloat16(1.0F).bits, 0x3f80);
  EXPECT_EQ(bfloat16(1.00390625F).bits, 0x3f80);  // halfway: to even
  EXPECT_EQ(bfloat16(1.01171875F).bits, 0x3f82);
  EXPECT_TRUE(std::isnan(static_cast<float>(bfloat16(std::nanf("")))));
}

TEST(Copy, RoundsAndWidens) {
  for (const std::int64_t size : {0, 1, 33, 100003}) {
    Device device;
    const Tensor exact = normal_tensor(device.stream, {size}, DType::kFloat32, "x");
    const Tensor rounded(device.stream, {size}, DType::kBFloat16);
    const Tensor back(device.stream, {size}, DType::kFloat32);
    copy(device.stream, exact, rounded);
    copy(device.stream, rounded, back);
    const auto before = to_host<float>(device.stream, exact);
    const auto after = to_host<float>(device.stream, back);
    for (std::size_t i = 0; i < before.size(); ++i) {
      ASSERT_EQ(after[i], static_cast<float>(bfloat16(before[i])));
    }
  }
}

TEST(Add, SumsBothDtypesIntoFp32) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    Device device;
    const Tensor part = normal_tensor(device.stream, {37, 11}, dtype, "part");
    const Tensor sum = normal_tensor(device.stream, {37, 11}, DType::kFloat32, "sum");
    std::vector<double> expected = values_of(device.stream, sum);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      expected[i] += values_of(device.stream, part)[i];
    }
    add(device.stream, part, sum);
    expect_near(values_of(device.stream, sum), expected, 1e-6);
  }
}

TEST(SquaredNorm, IsExactInDoubleAndTheSameForAnyThreads) {
  Device device;
  const Tensor values = normal_tensor(device.stream, {200001}, DType::kFloat32, "x");
  double expected = 0;
  for (const double value : values_of(device.stream, values)) {
    expected += value * value;
  }
  const double first = squared_norm(device.stream, values);
  EXPECT_NEAR(first / expected, 1, 1e-12);
  with_thread_counts([&] { EXPECT_EQ(squared_norm(device.stream, values), first); });
  EXPECT_EQ(squared_norm(device.stream, values.slice(0, 0)), 0.0);
}

TEST(AllFinite, FindsOneInfinityOrNan) {
  Device device;
  const Tensor values = normal_tensor(device.stream, {100000}, DType::kFloat32, "x");
  fill(device.stream, values.slice(5, 6), std::numeric_limits<float>::max());
  EXPECT_TRUE(all_finite(device.stream, values));
  for (const float bad : {std::numeric_limits<float>::infinity(), std::nanf("")}) {
    fill(device.stream, values.slice(99999, 100000), bad);
    EXPECT_FALSE(all_finite(device.stream, values));
  }
}

}  // namespace
}  // namespace bam
