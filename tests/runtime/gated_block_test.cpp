#include "runtime/gated_block.h"

#include "tests/runtime/tensors.h"

namespace bam {
namespace {

TEST(GatedBlock, IsItsBlockTimesItsExpertsGate) {
  Device device;
  Stream& stream = device.stream;
  const Tensor outputs = float_tensor(stream, {2, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  const Tensor gates = float_tensor(stream, {2, 3}, {9, 9, 2, 9, 9, -1});
  const Tensor weighted = float_tensor(stream, {2, 2}, {0, 0, 0, 0});
  weigh(stream, {outputs, 2, 1, gates, 2}, weighted);
  EXPECT_EQ(values_of(stream, weighted), (std::vector<double>{6, 8, -7, -8}));
}

TEST(GatedBlock, MayLieAmongAllBlocks) {
  Device device;
  Stream& stream = device.stream;
  const Tensor outputs = float_tensor(stream, {2, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  const Tensor gates = float_tensor(stream, {2, 1}, {2, -1});
  const Tensor u = float_tensor(stream, {2, 4}, {0, 0, 1, 10, 0, 0, 2, 20});
  const Tensor weighted = float_tensor(stream, {2, 4}, {9, 9, 0, 0, 9, 9, 0, 0});
  const Tensor again = float_tensor(stream, {2, 4}, {9, 9, 0, 0, 9, 9, 0, 0});
  const Tensor d_gates = float_tensor(stream, {2, 1}, {100, 200});
  const Tensor d_outputs = float_tensor(stream, {2, 4}, {5, 5, 0, 0, 5, 5, 0, 0});
  const GatedBlock second{outputs, 2, 1, gates, 0};
  weigh(stream, second, weighted);
  weigh_backward(stream, second, u, again, d_gates, d_outputs);
  EXPECT_EQ(values_of(stream, weighted), (std::vector<double>{9, 9, 6, 8, 9, 9, -7, -8}));
  EXPECT_EQ(values_of(stream, again), values_of(stream, weighted));
  EXPECT_EQ(values_of(stream, d_gates), (std::vector<double>{143, 374}));
  EXPECT_EQ(values_of(stream, d_outputs), (std::vector<double>{5, 5, 2, 20, 5, 5, -2, -20}));
}

TEST(GatedBlock, BackwardLeavesOtherBlocksAndExpertsAlone) {
  Device device;
  Stream& stream = device.stream;
  const Tensor outputs = float_tensor(stream, {2, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  const Tensor gates = float_tensor(stream, {2, 2}, {9, 2, 9, -1});
  const Tensor u = float_tensor(stream, {2, 2}, {1, 10, 2, 20});
  const Tensor weighted = float_tensor(stream, {2, 2}, {0, 0, 0, 0});
  const Tensor d_gates = float_tensor(stream, {2, 2}, {5, 100, 5, 200});
  const Tensor d_outputs = float_tensor(stream, {2, 4}, {5, 5, 0, 0, 5, 5, 0, 0});
  weigh_backward(stream, {outputs, 2, 1, gates, 1}, u, weighted, d_gates, d_outputs);
  EXPECT_EQ(values_of(stream, weighted), (std::vector<double>{6, 8, -7, -8}));
  EXPECT_EQ(values_of(stream, d_gates), (std::vector<double>{5, 143, 5, 374}));
  EXPECT_EQ(values_of(stream, d_outputs), (std::vector<double>{5, 5, 2, 20, 5, 5, -2, -20}));
}

TEST(GatedBlock, OfNoRowsIsNone) {
  Device device;
  Stream& stream = device.stream;
  const Tensor outputs(stream, {0, 4}, DType::kBFloat16);
  const Tensor gates(stream, {0, 2}, DType::kFloat32);
  const Tensor rows(stream, {0, 2}, DType::kBFloat16);
  weigh(stream, {outputs, 2, 0, gates, 0}, rows);
  weigh_backward(stream, {outputs, 2, 0, gates, 0}, rows, rows, gates, outputs);
  stream.synchronise();
}

TEST(GatedBlock, RefusesBlocksAndExpertsThatAreNotThere) {
  Device device;
  Stream& stream = device.stream;
  const Tensor outputs(stream, {2, 4}, DType::kFloat32);
  const Tensor gates(stream, {2, 2}, DType::kFloat32);
  const Tensor rows(stream, {2, 2}, DType::kFloat32);
  EXPECT_THROW(weigh(stream, {outputs, 2, 2, gates, 0}, rows), Error);
  EXPECT_THROW(weigh(stream, {outputs, 2, 0, gates, 2}, rows), Error);
  EXPECT_THROW(weigh(stream, {outputs, 2, 0, gates, 0}, Tensor(stream, {2, 3}, DType::kFloat32)),
               Error);
  EXPECT_THROW(weigh_backward(stream, {outputs, 2, 0, gates, 0}, rows, rows, gates, rows), Error);
}

}  // namespace
}  // namespace bam
