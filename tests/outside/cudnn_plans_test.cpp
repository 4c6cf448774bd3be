// What cuDNN itself makes of attention's graphs: it chooses and compiles kernels for a GPU that is
// described to it and need not be there.
#include <gtest/gtest.h>

#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include "runtime/check.h"
#include "runtime/cuda/flash_graphs.h"

namespace bam::cuda {

void PrintTo(const FlashShape& shape, std::ostream* out) {
  *out << shape.sequences << (shape.is_ragged ? " documents" : " sequences") << " of "
       << shape.length << ", heads " << shape.heads << "/" << shape.kv_heads << " of "
       << shape.head_dim;
}

namespace {

// One H200.
constexpr std::string_view kDevice = R"({
  "deviceName": "NVIDIA H200", "cudaDeviceId": 0, "deviceVer": 900, "driverVer": 13000,
  "multiProcessorCount": 132, "warpSize": 32, "maxGridSize": [2147483647, 65535, 65535],
  "maxBlockSize": [1024, 1024, 64], "maxThreadsPerBlock": 1024, "maxThreadsPerSM": 2048,
  "maxCtasPerSM": 32, "regsPerBlock": 65536, "maxRegistersPerSM": 65536,
  "maxSharedMemoryPerBlock": 49152, "maxSharedMemoryPerBlockOptin": 232448,
  "reservedSharedMemoryPerBlock": 1024, "totalGlobalMem": 150754820096, "l2CacheSize": 62914560,
  "smClockRateKHz": 1980000, "memClockRateKHz": 3201000, "memoryBusWidth": 6144,
  "pciDeviceId": 0, "isTccDriver": 0, "supportCoopLaunch": 1})";

class CudnnPlans : public ::testing::TestWithParam<FlashShape> {
 protected:
  void SetUp() override {
    try {
      cudnn_.emplace();
    } catch (const Error& error) {
      GTEST_SKIP() << error.what();
    }
    device_.emplace(*cudnn_, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
    device_->set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, std::ssize(kDevice),
                 kDevice.data());
    device_->finish("a GPU");
  }

  OperationGraph of_direction(bool is_backward, bool is_in_any_order = false) {
    FlashShape shape = GetParam();
    shape.is_backward = is_backward;
    shape.is_in_any_order = is_in_any_order;
    return flash_graph(*cudnn_, shape);
  }

  // What heads that share keys add to these is kept for each of them, but where we give it room.
  static std::int64_t bytes_of_heads() {
    const FlashShape& shape = GetParam();
    return shape.is_ragged || shape.heads == shape.kv_heads
               ? 0
               : 2 * 2 * shape.sequences * shape.length * shape.heads * shape.head_dim;
  }

  CudnnPlan plan_of(const OperationGraph& graph) {
    return graph.plan({.handle = nullptr, .described = &*device_});
  }

  std::optional<Cudnn> cudnn_;
  std::optional<CudnnObject> device_;
};

TEST_P(CudnnPlans, AreMadeOfForwardWithLittleToWorkIn) {
  const CudnnPlan plan = plan_of(of_direction(false));
  EXPECT_LE(plan.workspace_bytes(), std::size_t{1} << 20);
}

TEST_P(CudnnPlans, AreMadeOfBackwardWithTheScoresGradientsToWorkIn) {
  const CudnnPlan plan = plan_of(of_direction(true));
  EXPECT_NEAR(static_cast<double>(plan.workspace_bytes()),
              static_cast<double>(flash_backward_bytes(GetParam()) + bytes_of_heads()), 1 << 20);
}

TEST_P(CudnnPlans, AreMadeOfBackwardInAnyOrderWithLittleToWorkIn) {
  const CudnnPlan plan = plan_of(of_direction(true, true));
  EXPECT_NEAR(static_cast<double>(plan.workspace_bytes()), static_cast<double>(bytes_of_heads()),
              1 << 20);
}

INSTANTIATE_TEST_SUITE_P(Shapes, CudnnPlans,
                         ::testing::Values(FlashShape{8, 2048, 16, 16, 128, false, {}},
                                           FlashShape{3, 1024, 12, 4, 64, false, {}},
                                           FlashShape{8, 2048, 18, 6, 128, true, {}},
                                           FlashShape{4, 150, 2, 2, 16, true, {}}),
                         [](const auto& shape) {
                           return std::string(shape.param.is_ragged ? "documents" : "sequences") +
                                  "_of_" + std::to_string(shape.param.length);
                         });

TEST_F(CudnnPlans, AreRefusedForWhatHasNoKernel) {
  EXPECT_THROW(plan_of(flash_graph(*cudnn_, {1, 128, 3, 2, 64, false, false})), Error);
}

}  // namespace
}  // namespace bam::cuda
