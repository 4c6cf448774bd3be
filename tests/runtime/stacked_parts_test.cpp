#include "runtime/stacked_parts.h"

#include "tests/runtime/tensors.h"

namespace bam {
namespace {

const std::vector<double> kStacked = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
const std::vector<double> kWide = {1, 2, 5, 6, 9, 10, 3, 4, 7, 8, 11, 12};

Tensor tensor_of(Stream& stream, const Shape& shape, const std::vector<double>& values) {
  return float_tensor(stream, shape, std::vector<float>(values.begin(), values.end()));
}

TEST(StackedParts, LieSideBySideInTheirOrder) {
  Device device;
  Stream& stream = device.stream;
  const Tensor wide(stream, {2, 6}, DType::kFloat32);
  put_side_by_side(stream, tensor_of(stream, {6, 2}, kStacked), wide);
  EXPECT_EQ(values_of(stream, wide), kWide);
}

TEST(StackedParts, ComeBackInPlaceOfWhatWasThereOrOnTop) {
  Device device;
  Stream& stream = device.stream;
  const Tensor wide = tensor_of(stream, {2, 6}, kWide);
  const Tensor stacked = tensor_of(stream, {6, 2}, std::vector<double>(12, 7));
  stack_parts(stream, wide, stacked, Write::kReplace);
  EXPECT_EQ(values_of(stream, stacked), kStacked);
  stack_parts(stream, wide, stacked, Write::kAdd);
  std::vector<double> twice = kStacked;
  for (double& value : twice) {
    value *= 2;
  }
  EXPECT_EQ(values_of(stream, stacked), twice);
}

TEST(StackedParts, RefuseShapesThatDoNotFitAndSumsInBf16) {
  Device device;
  Stream& stream = device.stream;
  const auto shaped = [&](const Shape& shape, DType dtype) { return Tensor(stream, shape, dtype); };
  const Tensor stacked = shaped({6, 2}, DType::kFloat32);
  for (const Shape& shape : {Shape{2, 5}, Shape{3, 6}, Shape{4, 4}}) {
    EXPECT_THROW(put_side_by_side(stream, stacked, shaped(shape, DType::kFloat32)), Error);
  }
  EXPECT_THROW(put_side_by_side(stream, stacked, shaped({2, 6}, DType::kBFloat16)), Error);
  const Tensor short_stack = shaped({6, 2}, DType::kBFloat16);
  EXPECT_THROW(stack_parts(stream, shaped({2, 6}, DType::kBFloat16), short_stack, Write::kReplace),
               Error);
}

}  // namespace
}  // namespace bam
