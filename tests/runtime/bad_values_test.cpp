// Values that index something and point nowhere are refused: on a CPU at once, on a GPU when the
// host next waits for what read them.
#include "runtime/attention.h"
#include "runtime/cross_entropy.h"
#include "runtime/device.h"
#include "runtime/embedding.h"
#include "runtime/rope.h"
#include "runtime/routing.h"
#include "runtime/routing_tally.h"
#include "runtime/sparse_gates.h"
#include "tests/runtime/tensors.h"

namespace bam::testing {
namespace {

constexpr DType kFp32 = DType::kFloat32;

class BadValues : public ::testing::Test {
 protected:
  Stream& stream() { return device_.stream; }
  Tensor zeros(const Shape& shape, DType dtype = kFp32) {
    const Tensor out(stream(), shape, dtype);
    fill_zero(stream(), out);
    return out;
  }
  Tensor ints(const Shape& shape, const std::vector<int>& values) {
    return int_tensor(stream(), shape, values);
  }

  // The error names the value; the stream serves what comes after.
  void expect_refused(const std::string& value, const std::function<void()>& work) {
    try {
      work();
      stream().synchronise();
      ADD_FAILURE() << "taken: " << value;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(value), std::string::npos) << error.what();
    }
    EXPECT_NO_THROW(stream().synchronise());
  }

  // Kernels of our own go by the starts alone, whatever is said of the documents.
  std::string nobody_checks_documents() {
    return stream().device() == DeviceKind::kCuda ? obstacle_to_cudnn() : "";
  }

  Device device_;
};

TEST_F(BadValues, TokensTargetsAndPositions) {
  const Tensor rows = zeros({2, 8});
  expect_refused("8", [&] { embedding(stream(), ints({2}, {0, 8}), zeros({8, 8}), rows); });
  expect_refused("-3", [&] { cross_entropy(stream(), rows, ints({2}, {-3, 0}), zeros({2})); });
  const Tensor table = rope_table(stream(), 4, 8, 10000);
  expect_refused("4", [&] { rope(stream(), rows, ints({2}, {3, 4}), table, Rotation::kForward); });
}

TEST_F(BadValues, ChosenExperts) {
  const Tensor bad = ints({2, 1}, {1, 3});
  const Tensor p = zeros({2, 3});
  const Tensor gates = zeros({2, 1});
  const std::vector<int> experts = {0, 1, 2};
  expect_refused("3", [&] { chosen_gates(stream(), p, bad, Gates::kAsTheyAre, gates); });
  expect_refused("3", [&] { order_by_expert(stream(), bad, experts); });
  expect_refused("3", [&] { spread_gates(stream(), bad, gates, p); });
  expect_refused("3", [&] { pick_gates(stream(), bad, p, gates); });
  for (const Pairs pairs : {Pairs::kLeftOut, Pairs::kCounted}) {
    expect_refused("3", [&] {
      RoutingTally tally;
      tally.add(stream(), p, zeros({2}), ints({2, 2}, {0, 1, 2, 3}), 2, pairs);
    });
  }
}

TEST_F(BadValues, Rows) {
  const Tensor in = zeros({2, 8});
  const Tensor gates = zeros({2, 1});
  expect_refused("2", [&] { gather_rows(stream(), in, ints({2}, {1, 2}), zeros({2, 8})); });
  expect_refused("-2", [&] { gather_rows(stream(), in, ints({2}, {1, -2}), zeros({2, 8})); });
  expect_refused("-1", [&] { scatter_add_rows(stream(), in, ints({2}, {0, -1}), zeros({2, 8})); });
  const Tensor slots = ints({2, 1}, {0, 7});
  expect_refused("7", [&] { combine_rows(stream(), in, slots, gates, zeros({2, 8})); });
  expect_refused("7", [&] {
    combine_rows_backward(stream(), in, slots, gates, zeros({2, 8}), zeros({2, 8}), gates);
  });
}

TEST_F(BadValues, QueriesOutOfOrderAndDocumentsOfAnotherSequence) {
  const AttentionShape shape{.sequences = 2, .length = 2, .heads = 1, .kv_heads = 1, .head_dim = 4};
  const Tensor keys = zeros({4, 4});
  const auto attend = [&](const std::vector<int>& rows, const std::vector<int>& starts) {
    const auto n = std::ssize(rows);
    attention(stream(), shape, zeros({n, 4}), keys, keys, ints({n}, rows), ints({4}, starts),
              zeros({n, 4}), zeros({n, 1}));
  };
  attend({1, 2}, {0, 0, 2, 2});
  expect_refused("1", [&] { attend({1, 0}, {0, 0, 2, 2}); });
  expect_refused("4", [&] { attend({0, 4}, {0, 0, 2, 2}); });
  expect_refused("attention", [&] { attend({2}, {0, 0, 1, 2}); });
  expect_refused("attention", [&] { attend({1}, {0, 2, 2, 2}); });
}

TEST_F(BadValues, DocumentsThatAreNotWhatIsSaidOfThem) {
  if (const std::string why = nobody_checks_documents(); !why.empty()) {
    GTEST_SKIP() << why;
  }
  AttentionShape shape{.sequences = 2, .length = 3, .heads = 1, .kv_heads = 1, .head_dim = 16};
  const Tensor rows = zeros({6, 16}, DType::kBFloat16);
  const auto attend = [&](std::int64_t documents, const std::vector<int>& starts) {
    shape.documents = documents;
    attention(stream(), shape, rows, rows, rows, ints({6}, {0, 1, 2, 3, 4, 5}), ints({6}, starts),
              zeros({6, 16}, DType::kBFloat16), zeros({6, 1}));
  };
  attend(AttentionShape::kWhole, {0, 0, 0, 3, 3, 3});
  attend(4, {0, 0, 2, 3, 3, 3});
  stream().synchronise();
  expect_refused("attention", [&] { attend(AttentionShape::kWhole, {0, 0, 2, 3, 3, 3}); });
  expect_refused("attention", [&] { attend(3, {0, 1, 2, 3, 3, 3}); });
  expect_refused("attention", [&] { attend(4, {0, 0, 1, 3, 3, 3}); });
  expect_refused("attention", [&] { attend(4, {0, 0, 0, 2, 3, 3}); });
}

TEST_F(BadValues, ManyMoreDocumentsThanAreExpected) {
  if (const std::string why = nobody_checks_documents(); !why.empty()) {
    GTEST_SKIP() << why;
  }
  constexpr std::int64_t kRows = 100;
  const AttentionShape shape{
      .sequences = 1, .length = kRows, .heads = 1, .kv_heads = 1, .head_dim = 16, .documents = 2};
  std::vector<int> each;
  for (int row = 0; row < kRows; ++row) {
    each.push_back(row);
  }
  const Tensor rows = zeros({kRows, 16}, DType::kBFloat16);
  expect_refused("100", [&] {
    attention(stream(), shape, rows, rows, rows, ints({kRows}, each), ints({kRows}, each),
              zeros({kRows, 16}, DType::kBFloat16), zeros({kRows, 1}));
  });
}

// Work is done in its own time: gradients' kernels may run before the host has heard of a fault.
TEST_F(BadValues, OfQueriesReachNothingInBackward) {
  const AttentionShape shape{.sequences = 1, .length = 4, .heads = 1, .kv_heads = 1, .head_dim = 4};
  const Tensor keys = zeros({4, 4});
  const Tensor dk = zeros({4, 4});
  expect_refused("1000000", [&] {
    attention_backward(stream(), shape, zeros({2, 4}), keys, keys, ints({2}, {1, 1000000}),
                       ints({4}, {0, 0, 0, 0}), zeros({2, 4}), zeros({2, 1}), zeros({2, 4}),
                       zeros({2, 4}), dk, dk);
  });
}

}  // namespace
}  // namespace bam::testing
