// How often cuBLASLt is asked for an algorithm, and that it is one for the product at hand.
#include "runtime/cuda/library.h"
#include "runtime/matmul.h"
#include "tests/runtime/tensors.h"

namespace bam {
namespace {

int heuristics_so_far() {
  return cuda::Library("libcublasLt.so.13").function<int()>("fake_cublas_lt_heuristics")();
}

// x (rows, 12) times a weight, and that product's gradient of the weight, whose depth is `rows`.
int heuristics_of(Stream& stream, std::int64_t rows) {
  const int before = heuristics_so_far();
  const Tensor x = normal_tensor(stream, {rows, 12}, DType::kBFloat16, "x");
  const Tensor w = normal_tensor(stream, {8, 12}, DType::kBFloat16, "w");
  const Tensor y(stream, {rows, 8}, DType::kBFloat16);
  const Tensor dw(stream, w.shape(), DType::kFloat32);
  matmul(stream, x, transposed(w), y);
  matmul(stream, transposed(y), x, dw);
  return heuristics_so_far() - before;
}

TEST(Products, AskForAnAlgorithmOnceForRowsThatRoundToTheSame) {
  Device device;
  EXPECT_EQ(heuristics_of(device.stream, 1100), 2);
  EXPECT_EQ(heuristics_of(device.stream, 1152), 0);
  EXPECT_EQ(heuristics_of(device.stream, 1026), 0);
  EXPECT_EQ(heuristics_of(device.stream, 1154), 2);
}

// The gradient's depth is odd, that of the 1152 rows for which it is asked first even: the made-up
// library refuses the algorithm.
TEST(Products, AskOnceMoreWhereAnAlgorithmDoesNotServe) {
  Device device;
  EXPECT_EQ(heuristics_of(device.stream, 1101), 3);
  EXPECT_EQ(heuristics_of(device.stream, 1101), 0);
}

}  // namespace
}  // namespace bam
