// That attention really goes to cuDNN where there is one, in how many calls, and which does not.
#include "runtime/cuda/flash_attention.h"

#include <cmath>

#include "runtime/cuda/flash_parts.h"
#include "runtime/device.h"
#include "tests/runtime/tensors.h"

namespace bam::testing {
namespace {

constexpr AttentionShape kDocuments{
    .sequences = 2, .length = 30, .heads = 2, .kv_heads = 1, .head_dim = 16, .documents = 20};

AttentionShape whole(std::int64_t sequences) {
  AttentionShape shape = kDocuments;
  shape.sequences = sequences;
  shape.documents = AttentionShape::kWhole;
  return shape;
}

// Attention on a device's tensors, by whatever is asked for it.
class Problem {
 public:
  Problem(const AttentionShape& shape, DType dtype, std::int64_t queries) : shape_(shape) {
    std::vector<int> rows;
    std::vector<int> starts;
    const int document = static_cast<int>(shape.documents > 0 ? 3 : shape.length);
    for (int row = 0; row < shape.keys(); ++row) {
      starts.push_back(row - row % document);
      if (row < queries) {
        rows.push_back(row);
      }
    }
    q_ = normal_tensor(stream(), {queries, shape.heads * shape.head_dim}, dtype, "q");
    k_ = normal_tensor(stream(), {shape.keys(), shape.kv_heads * shape.head_dim}, dtype, "k");
    v_ = normal_tensor(stream(), k_.shape(), dtype, "v");
    d_out_ = normal_tensor(stream(), q_.shape(), dtype, "d_out");
    rows_ = int_tensor(stream(), {queries}, rows);
    starts_ = int_tensor(stream(), {shape.keys()}, starts);
    for (Tensor* result : {&out_, &dq_}) {
      *result = normal_tensor(stream(), q_.shape(), dtype, "old");
    }
    for (Tensor* result : {&dk_, &dv_}) {
      *result = normal_tensor(stream(), k_.shape(), dtype, "old");
    }
    log_sums_ = normal_tensor(stream(), {queries, shape.heads}, DType::kFloat32, "old");
  }

  bool forward(cuda::FlashAttention& flash) {
    return flash.forward(stream(), shape_, q_, k_, v_, rows_, starts_, out_, log_sums_);
  }
  bool backward(cuda::FlashAttention& flash) {
    return flash.backward(stream(), shape_, q_, k_, v_, rows_, starts_, out_, log_sums_, d_out_,
                          dq_, dk_, dv_);
  }
  std::vector<std::vector<double>> results() {
    std::vector<std::vector<double>> values;
    for (const Tensor& tensor : {out_, log_sums_, dq_, dk_, dv_}) {
      values.push_back(values_of(stream(), tensor));
    }
    return values;
  }

 private:
  Stream& stream() { return device_.stream; }

  Device device_;
  AttentionShape shape_;
  Tensor q_, k_, v_, d_out_, rows_, starts_, out_, log_sums_, dq_, dk_, dv_;
};

class FlashAttention : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string obstacle = kind_under_test() == DeviceKind::kCpu
                                     ? "attention on a CPU is not cuDNN's"
                                     : obstacle_to_cudnn();
    if (!obstacle.empty()) {
      GTEST_SKIP() << obstacle;
    }
  }

  static std::vector<std::vector<double>> results_of(const AttentionShape& shape,
                                                     std::int64_t workspace_bytes) {
    cuda::FlashAttention flash(workspace_bytes);
    Problem problem(shape, DType::kBFloat16, shape.keys());
    EXPECT_TRUE(problem.forward(flash)) << flash.refusal();
    EXPECT_TRUE(problem.backward(flash)) << flash.refusal();
    return problem.results();
  }

  static void expect_all_near(const std::vector<std::vector<double>>& found,
                              const std::vector<std::vector<double>>& expected) {
    for (std::size_t i = 0; i < found.size(); ++i) {
      expect_near(found[i], expected[i], 0.02);
    }
  }

  static void expect_left(const AttentionShape& shape, DType dtype, std::int64_t queries) {
    cuda::FlashAttention flash;
    Problem problem(shape, dtype, queries);
    EXPECT_FALSE(problem.forward(flash));
    EXPECT_FALSE(problem.backward(flash));
    EXPECT_EQ(flash.refusal(), "");
  }
};

TEST_F(FlashAttention, LeavesWhatItCannotDo) {
  expect_left(kDocuments, DType::kFloat32, 60);
  expect_left(kDocuments, DType::kBFloat16, 59);
  AttentionShape unknown = kDocuments;
  unknown.documents = AttentionShape::kNotKnown;
  expect_left(unknown, DType::kBFloat16, 60);
  AttentionShape odd = kDocuments;
  odd.head_dim = 24;
  expect_left(odd, DType::kBFloat16, 60);
  expect_left(whole(0), DType::kBFloat16, 0);
}

// cuDNN may take other tiles for other numbers of sequences, so that their last bits differ.
TEST_F(FlashAttention, GivesTheSameInFewCallsAndInMany) {
  constexpr std::int64_t kLittle = 1;
  for (const AttentionShape& shape : {kDocuments, whole(7)}) {
    EXPECT_GT(cuda::flash_backward_parts(shape, kLittle).size(),
              cuda::flash_backward_parts(shape, cuda::FlashAttention::kWorkspaceBytes).size());
    const auto few = results_of(shape, kLittle);
    expect_all_near(few, results_of(shape, cuda::FlashAttention::kWorkspaceBytes));
  }
}

// Twice, as what is added up in has to be empty at first.
TEST_F(FlashAttention, AddsUpInAnyOrderToNearlyTheSame) {
  EXPECT_EQ(cuda::flash_backward_parts_in_any_order(whole(7)).size(), 1);
  for (const AttentionShape& shape : {kDocuments, whole(7)}) {
    const auto in_order = results_of(shape, cuda::FlashAttention::kWorkspaceBytes);
    cuda::FlashAttention flash;
    flash.set_deterministic(false);
    Problem problem(shape, DType::kBFloat16, shape.keys());
    EXPECT_TRUE(problem.forward(flash)) << flash.refusal();
    for (int i = 0; i < 2; ++i) {
      EXPECT_TRUE(problem.backward(flash)) << flash.refusal();
      expect_all_near(problem.results(), in_order);
    }
  }
}

// As a record of more documents computes them.
TEST_F(FlashAttention, GivesTheSameBitsWithRoomForMoreDocuments) {
  AttentionShape roomy = kDocuments;
  roomy.documents = 60;
  EXPECT_EQ(results_of(kDocuments, cuda::FlashAttention::kWorkspaceBytes),
            results_of(roomy, cuda::FlashAttention::kWorkspaceBytes));
}

// Scores' gradients of one sequence of 2048 take 144 MiB with 18 heads, and of 4096 four times
// that.
TEST(FlashAttentionAtOnce, IsAsManyAsAreTakenTogether) {
  AttentionShape shape{.sequences = 4, .length = 2048, .heads = 18, .kv_heads = 6, .head_dim = 64};
  const auto at_once = [&](std::int64_t length, std::int64_t documents) {
    shape.length = length;
    shape.documents = documents;
    return cuda::FlashAttention::at_once(shape);
  };
  for (const std::int64_t documents : {AttentionShape::kWhole, std::int64_t{16}}) {
    EXPECT_EQ(at_once(2048, documents), 7);
    EXPECT_EQ(at_once(4096, documents), 1);
    EXPECT_GT(at_once(8192, documents), 1000);  // one alone is not taken either
  }
  EXPECT_GT(at_once(4096, AttentionShape::kNotKnown), 1000);
}

TEST_F(FlashAttention, IsTurnedOffByTheEnvironment) {
  ASSERT_EQ(setenv("BAM_CUDNN_ATTENTION", "0", 1), 0);
  cuda::FlashAttention flash;
  Problem problem(kDocuments, DType::kBFloat16, 60);
  EXPECT_FALSE(problem.forward(flash));
  EXPECT_NE(flash.refusal(), "");
  EXPECT_NE(obstacle_to_cudnn(), "");
  ASSERT_EQ(unsetenv("BAM_CUDNN_ATTENTION"), 0);
}

}  // namespace
}  // namespace bam::testing
