// That products of experts really go to cuBLAS together, and which do not.
#include "runtime/cuda/grouped_products.h"

#include "tests/runtime/tensors.h"

namespace bam {
namespace {

Product product(Stream& stream, DType dtype, DType out) {
  return {normal_tensor(stream, {5, 16}, dtype, "a"),
          transposed(normal_tensor(stream, {8, 16}, dtype, "b")),
          normal_tensor(stream, {5, 8}, out, "c")};
}

TEST(GroupedProducts, TakeThoseWhoseSumsAreOfTheirOwnDtypeAndLeaveTheOthers) {
  constexpr DType kFp32 = DType::kFloat32;
  constexpr DType kBf16 = DType::kBFloat16;
  Device device;
  Stream& stream = device.stream;
  cuda::GroupedProducts grouped;
  const auto takes = [&](const std::vector<Product>& products) {
    return grouped.compute(stream, products, Write::kReplace);
  };
  EXPECT_TRUE(takes({product(stream, kFp32, kFp32), product(stream, kFp32, kFp32)}));
  EXPECT_TRUE(takes({product(stream, kBf16, kBf16), product(stream, kBf16, kBf16)}));
  EXPECT_FALSE(takes({product(stream, kBf16, kFp32), product(stream, kBf16, kFp32)}));
  EXPECT_FALSE(takes({product(stream, kBf16, kBf16), product(stream, kFp32, kFp32)}));
  EXPECT_FALSE(takes({}));
}

}  // namespace
}  // namespace bam
