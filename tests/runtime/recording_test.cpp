#include "runtime/recording.h"

#include "runtime/elementwise.h"
#include "runtime/host.h"
#include "tests/runtime/tensors.h"

namespace bam::testing {
namespace {

using enum Recording::Pass;

TEST(Recording, DoesAsItIsToldWhereNothingIsRecorded) {
  Device device;
  const Tensor sum = float_tensor(device.stream, {2}, {0, 0});
  const Tensor one = float_tensor(device.stream, {2}, {1, 2});
  Recording recording;
  for (int i = 0; i < 3; ++i) {
    recording.run(device.stream, [&] { add(device.stream, one, sum); });
  }
  EXPECT_EQ(values_of(device.stream, sum), (std::vector<double>{3, 6}));
  EXPECT_THROW(recording.begin(kReplay), Error);
}

class GpuRecording : public ::testing::Test {
 protected:
  // One pass of two pieces: part = 10 input + host's numbers; sum += part.
  void pass(Recording::Pass kind) {
    recording_.begin(kind);
    recording_.run(stream(), [&] {
      ++calls_;
      stream().count_operations(5);
      part_ = to_device(stream(), {2}, std::vector<float>{100, 200});
      for (int i = 0; i < 10; ++i) {
        add(stream(), input_, part_);
      }
    });
    Tensor between(stream(), {2}, DType::kFloat32);  // elsewhere than what was recorded
    fill(stream(), between, -1);
    recording_.run(stream(), [&] { add(stream(), part_, sum_); });
  }

  Stream& stream() { return device_.stream; }

  Device device_;
  Tensor input_ = float_tensor(stream(), {2}, {1, 2});
  Tensor sum_ = float_tensor(stream(), {2}, {0, 0});
  Recording recording_;
  Tensor part_;
  int calls_ = 0;

 private:
  void SetUp() override {
    if (kind_under_test() == DeviceKind::kCpu) {
      GTEST_SKIP() << "a GPU's work is recorded, a CPU's is not";
    }
  }
};

TEST_F(GpuRecording, DoesTheSameWorkOnOtherValues) {
  pass(kRecord);
  EXPECT_EQ(values_of(stream(), sum_), (std::vector<double>{110, 220}));
  to_device(stream(), std::vector<float>{3, 4}, input_);
  pass(kReplay);
  EXPECT_EQ(values_of(stream(), sum_), (std::vector<double>{240, 460}));
  pass(kReplay);
  EXPECT_EQ(values_of(stream(), sum_), (std::vector<double>{370, 700}));
  EXPECT_EQ(calls_, 1);
}

TEST_F(GpuRecording, CountsTheArithmeticOfEveryPass) {
  const double before = stream().operations();
  pass(kRecord);
  EXPECT_EQ(stream().operations() - before, 5);
  pass(kReplay);
  EXPECT_EQ(stream().operations() - before, 10);
}

TEST_F(GpuRecording, RefusesAPieceThatWasNotRecordedAndASecondRecord) {
  recording_.begin(kRecord);
  recording_.run(stream(), [&] { add(stream(), input_, sum_); });
  recording_.begin(kReplay);
  recording_.run(stream(), [] {});
  EXPECT_THROW(recording_.run(stream(), [] {}), Error);
  EXPECT_THROW(recording_.begin(kRecord), Error);
}

TEST_F(GpuRecording, RefusesWorkThatWaits) {
  recording_.begin(kRecord);
  EXPECT_THROW(recording_.run(stream(), [&] { to_host<float>(stream(), sum_); }), Error);
  EXPECT_EQ(values_of(stream(), sum_), (std::vector<double>{0, 0}));  // the stream goes on
}

}  // namespace
}  // namespace bam::testing
