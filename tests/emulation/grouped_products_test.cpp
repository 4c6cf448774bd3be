// That products of experts really go to cuBLAS together, and which do not.
#include "runtime/cuda/grouped_products.h"

#include "tests/runtime/tensors.h"

namespace bam {
namespace {

constexpr DType kFp32 = DType::kFloat32;
constexpr DType kBf16 = DType::kBFloat16;

Product product(Stream& stream, DType dtype, DType out) {
  return {normal_tensor(stream, {5, 16}, dtype, "a"),
          transposed(normal_tensor(stream, {8, 16}, dtype, "b")),
          normal_tensor(stream, {5, 8}, out, "c")};
}

TEST(GroupedProducts, TakeThoseWhoseSumsAreOfTheirOwnDtypeAndLeaveTheOthers) {
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

// cuBLAS would read what begins at 10 bytes 16 bytes at a time.
TEST(GroupedProducts, LeaveThoseThatBeginBetweenMultiplesOf16Bytes) {
  Device device;
  Stream& stream = device.stream;
  const Tensor odd = normal_tensor(stream, {7, 5}, kBf16, "odd");
  const Tensor even = normal_tensor(stream, {6, 5}, kBf16, "even");
  const Tensor c = normal_tensor(stream, {7, 6}, kBf16, "c");
  const auto takes = [&](const Product& product) {
    cuda::GroupedProducts grouped;
    return grouped.compute(stream, std::vector<Product>{product}, Write::kReplace);
  };
  EXPECT_TRUE(takes({odd, transposed(even), c}));
  EXPECT_FALSE(takes({odd.slice(1, 7), transposed(even), c.slice(0, 6)}));
  EXPECT_FALSE(takes({odd, transposed(even.slice(1, 6)), Tensor(stream, {7, 5}, kBf16)}));
  EXPECT_FALSE(takes({odd.slice(0, 6), transposed(even), c.slice(1, 7)}));
}

}  // namespace
}  // namespace bam
