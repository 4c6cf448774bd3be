// That attention really goes to cuDNN, and which does not.
#include "runtime/cuda/flash_attention.h"

#include "tests/runtime/tensors.h"

namespace bam {
namespace {

constexpr AttentionShape kShape{
    .sequences = 2, .length = 6, .heads = 2, .kv_heads = 1, .head_dim = 16, .documents = 4};

bool goes_to_cudnn(const AttentionShape& shape, DType dtype, std::int64_t queries) {
  Device device;
  Stream& stream = device.stream;
  std::vector<int> rows;
  std::vector<int> starts;
  for (int row = 0; row < shape.keys(); ++row) {
    starts.push_back(row - row % 3);
    if (row < queries) {
      rows.push_back(row);
    }
  }
  const Tensor q = normal_tensor(stream, {queries, shape.heads * shape.head_dim}, dtype, "q");
  const Tensor k =
      normal_tensor(stream, {shape.keys(), shape.kv_heads * shape.head_dim}, dtype, "k");
  const Tensor log_sums(stream, {queries, shape.heads}, DType::kFloat32);
  const Tensor query_rows = int_tensor(stream, {queries}, rows);
  const Tensor document_starts = int_tensor(stream, {shape.keys()}, starts);
  cuda::FlashAttention flash;
  const bool forward =
      flash.forward(stream, shape, q, k, k, query_rows, document_starts, q, log_sums);
  const Tensor dk = normal_tensor(stream, k.shape(), dtype, "dk");
  const Tensor dv = normal_tensor(stream, k.shape(), dtype, "dv");
  EXPECT_EQ(flash.backward(stream, shape, q, k, k, query_rows, document_starts, q, log_sums, q, q,
                           dk, dv),
            forward);
  stream.synchronise();
  return forward;
}

TEST(FlashAttention, TakesDocumentsOfKnownNumberInBf16AndLeavesTheRest) {
  EXPECT_TRUE(goes_to_cudnn(kShape, DType::kBFloat16, 12));
  EXPECT_FALSE(goes_to_cudnn(kShape, DType::kFloat32, 12));
  EXPECT_FALSE(goes_to_cudnn(kShape, DType::kBFloat16, 11));
  AttentionShape unknown = kShape;
  unknown.documents = 0;
  EXPECT_FALSE(goes_to_cudnn(unknown, DType::kBFloat16, 12));
  AttentionShape odd = kShape;
  odd.head_dim = 12;
  EXPECT_FALSE(goes_to_cudnn(odd, DType::kBFloat16, 12));
}

}  // namespace
}  // namespace bam
