#include "runtime/memory.h"

#include "runtime/check.h"
#include "tests/runtime/tensors.h"

namespace bam {
namespace {

TEST(Memory, CountsTensorsAndReusesTheirBlocks) {
  Device device;
  {
    const Tensor a(device.stream, {1000}, DType::kFloat32);
    const Tensor view = a.slice(10, 20);
    EXPECT_EQ(device.memory.in_use(), 4000U);
  }
  const std::size_t held = device.memory.held();
  EXPECT_EQ(device.memory.in_use(), 0U);
  EXPECT_EQ(device.memory.peak(), 4000U);
  const Tensor b(device.stream, {990}, DType::kFloat32);
  EXPECT_EQ(device.memory.held(), held);
  device.memory.reset_peak();
  EXPECT_EQ(device.memory.peak(), 3960U);
}

TEST(Memory, AlignsBlocksTo64Bytes) {
  Device device;
  for (const std::int64_t size : {1, 3, 1000, 1 << 20}) {
    const Tensor tensor(device.stream, {size}, DType::kBFloat16);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.raw()) % 64, 0U);
  }
}

TEST(Tensor, SlicesAndReshapesShareElements) {
  Device device;
  const Tensor whole = float_tensor(device.stream, {3, 2}, {0, 1, 2, 3, 4, 5});
  const Tensor rows = whole.slice(1, 3);
  fill(device.stream, rows.slice(0, 1).reshape({2}).slice(0, 1), 20);
  EXPECT_EQ(values_of(device.stream, whole), (std::vector<double>{0, 1, 20, 3, 4, 5}));
  EXPECT_EQ(values_of(device.stream, whole.reshape({6}).slice(2, 4)), (std::vector<double>{20, 3}));
  EXPECT_EQ(whole.slice(3, 3).cols(), 2);
  EXPECT_THROW(whole.slice(1, 4), Error);
  EXPECT_THROW(whole.reshape({4}), Error);
  EXPECT_THROW(whole.data<std::int32_t>(), Error);
  EXPECT_THROW(to_host<std::int32_t>(device.stream, whole), Error);
  EXPECT_EQ(whole.is_on_host(), kind_under_test() == DeviceKind::kCpu);
}

}  // namespace
}  // namespace bam
