#include "runtime/matmul.h"

#include "runtime/check.h"
#include "tests/runtime/tensors.h"

namespace bam {
namespace {

struct Case {
  std::int64_t m, k, n;
};

std::vector<double> naive(const Case& sizes, const std::vector<double>& a, bool a_flipped,
                          const std::vector<double>& b, bool b_flipped) {
  const auto [m, k, n] = sizes;
  std::vector<double> c(static_cast<std::size_t>(m * n));
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      for (std::int64_t p = 0; p < k; ++p) {
        c[i * n + j] += a[a_flipped ? p * m + i : i * k + p] * b[b_flipped ? j * k + p : p * n + j];
      }
    }
  }
  return c;
}

void compare(const Case& sizes, DType dtype, bool a_flipped, bool b_flipped) {
  Device device;
  Stream& stream = device.stream;
  const auto [m, k, n] = sizes;
  const Tensor a = normal_tensor(stream, a_flipped ? Shape{k, m} : Shape{m, k}, dtype, "a");
  const Tensor b = normal_tensor(stream, b_flipped ? Shape{n, k} : Shape{k, n}, dtype, "b");
  const Tensor c = normal_tensor(stream, {m, n}, DType::kFloat32, "c");
  const std::vector<float> before = to_host<float>(stream, c);
  std::vector<double> expected =
      naive(sizes, values_of(stream, a), a_flipped, values_of(stream, b), b_flipped);
  const double tolerance = 1e-5 * std::sqrt(static_cast<double>(k) + 1);
  matmul(stream, Operand(a, a_flipped), Operand(b, b_flipped), c);
  expect_near(values_of(stream, c), expected, tolerance);
  to_device(stream, before, c);
  matmul(stream, Operand(a, a_flipped), Operand(b, b_flipped), c, Write::kAdd);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    expected[i] += static_cast<double>(before[i]);
  }
  expect_near(values_of(stream, c), expected, tolerance);
}

TEST(Matmul, EqualsDoubleLoopsForEveryLayoutAndSize) {
  for (const Case& sizes : {Case{1, 1, 1}, Case{3, 5, 7}, Case{65, 33, 17}, Case{300, 64, 260},
                            Case{150, 1230, 600}, Case{0, 4, 4}, Case{4, 4, 0}, Case{4, 0, 4}}) {
    for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
      for (const bool a_flipped : {false, true}) {
        for (const bool b_flipped : {false, true}) {
          SCOPED_TRACE(message_of(sizes.m, " ", sizes.k, " ", sizes.n, " ", name_of(dtype)));
          compare(sizes, dtype, a_flipped, b_flipped);
        }
      }
    }
  }
}

TEST(Matmul, RoundsToBfloat16OnlyOnce) {
  Device device;
  const Tensor a = normal_tensor(device.stream, {70, 40}, DType::kBFloat16, "a");
  const Tensor b = normal_tensor(device.stream, {40, 30}, DType::kBFloat16, "b");
  const Tensor exact(device.stream, {70, 30}, DType::kFloat32);
  const Tensor out(device.stream, {70, 30}, DType::kBFloat16);
  const Tensor rounded(device.stream, {70, 30}, DType::kBFloat16);
  matmul(device.stream, a, b, exact);
  matmul(device.stream, a, b, out);
  copy(device.stream, exact, rounded);
  // A GPU may add in another order for either: the last bit of a few differs.
  expect_near(values_of(device.stream, out), values_of(device.stream, rounded), 1.0 / 128);
}

// Experts' products: of unequal rows, one without any, transposed on either side.
void compare_each(DType dtype, DType out_dtype, Write write) {
  Device device;
  Stream& stream = device.stream;
  std::vector<Product> products;
  std::vector<std::vector<double>> expected;
  // A bf16 sum that is added up in another order may round to the next number.
  const double tolerance = out_dtype == DType::kFloat32 ? 1e-5 : 1.0 / 128;
  for (const Case& sizes : {Case{33, 24, 40}, Case{0, 24, 40}, Case{5, 16, 8}, Case{7, 0, 8}}) {
    for (const auto& [a_flipped, b_flipped] : {std::pair{false, true}, {true, false}}) {
      const auto [m, k, n] = sizes;
      const Tensor a = normal_tensor(stream, a_flipped ? Shape{k, m} : Shape{m, k}, dtype, "a");
      const Tensor b = normal_tensor(stream, b_flipped ? Shape{n, k} : Shape{k, n}, dtype, "b");
      const Tensor alone = normal_tensor(stream, {m, n}, out_dtype, "c");
      products.push_back(
          {{a, a_flipped}, {b, b_flipped}, normal_tensor(stream, {m, n}, out_dtype, "c")});
      matmul(stream, products.back().a, products.back().b, alone, write);
      expected.push_back(values_of(stream, alone));
    }
  }
  matmul_each(stream, products, write);
  for (std::size_t i = 0; i < products.size(); ++i) {
    SCOPED_TRACE(message_of("product ", i, " of ", name_of(dtype), " into ", name_of(out_dtype)));
    expect_near(values_of(stream, products[i].c), expected[i], tolerance);
  }
}

TEST(MatmulEach, EqualsOneProductAfterTheOther) {
  compare_each(DType::kFloat32, DType::kFloat32, Write::kReplace);
  compare_each(DType::kFloat32, DType::kFloat32, Write::kAdd);
  compare_each(DType::kBFloat16, DType::kBFloat16, Write::kReplace);
  compare_each(DType::kBFloat16, DType::kFloat32, Write::kAdd);
  Device device;
  matmul_each(device.stream, {});
}

// The second addend begins where its sum does not.
TEST(MatmulPlus, IsTheProductAddedToACopyOfTheAddend) {
  for (const std::int64_t depth : {0, 24}) {
    for (const std::int64_t skipped : {0, 1}) {
      Device device;
      Stream& stream = device.stream;
      const Tensor a = normal_tensor(stream, {7, depth}, DType::kBFloat16, "a");
      const Tensor b = normal_tensor(stream, {5, depth}, DType::kBFloat16, "b");
      const Tensor rows = normal_tensor(stream, {8, 5}, DType::kFloat32, "addend");
      const Tensor addend = rows.slice(skipped, skipped + 7);
      const std::vector<double> before = values_of(stream, rows);
      const Tensor expected(stream, {7, 5}, DType::kFloat32);
      copy(stream, addend, expected);
      matmul(stream, a, transposed(b), expected, Write::kAdd);
      const Tensor sum = normal_tensor(stream, {7, 5}, DType::kFloat32, "before");
      matmul_plus(stream, a, transposed(b), addend, sum);
      EXPECT_EQ(values_of(stream, sum), values_of(stream, expected));
      EXPECT_EQ(values_of(stream, rows), before);
    }
  }
}

// Rows of 5 bf16: the second's begin at 10 bytes, where a GPU can read no more than 2 at once.
TEST(MatmulEach, TakesRowsThatBeginAnywhere) {
  Device device;
  Stream& stream = device.stream;
  const Tensor a = normal_tensor(stream, {9, 5}, DType::kBFloat16, "a");
  const Tensor b = normal_tensor(stream, {10, 5}, DType::kBFloat16, "b");
  const Tensor c(stream, {9, 8}, DType::kBFloat16);
  const Tensor alone(stream, c.shape(), c.dtype());
  std::vector<Product> products;
  for (std::int64_t begin = 0; begin < 9; begin += 3) {
    const Operand right = transposed(b.slice(begin / 3, begin / 3 + 8));
    products.push_back({a.slice(begin, begin + 3), right, c.slice(begin, begin + 3)});
    matmul(stream, products.back().a, right, alone.slice(begin, begin + 3));
  }
  matmul_each(stream, products);
  expect_near(values_of(stream, c), values_of(stream, alone), 1.0 / 128);
}

TEST(Matmul, GivesTheSameBitsWhateverTheThreadsAndPolls) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    Device device;
    const Tensor a = normal_tensor(device.stream, {1500, 300}, dtype, "a");
    const Tensor b = normal_tensor(device.stream, {700, 300}, dtype, "b");
    const Tensor c(device.stream, {1500, 700}, DType::kFloat32);
    matmul(device.stream, a, transposed(b), c);
    const auto expected = bytes_in(device.stream, c);
    int polls = 0;
    device.stream.on_poll([&] { ++polls; });
    with_thread_counts([&] {
      fill_zero(device.stream, c);
      matmul(device.stream, a, transposed(b), c);
      EXPECT_TRUE(bytes_in(device.stream, c) == expected);
    });
    EXPECT_TRUE(polls > 4 || kind_under_test() != DeviceKind::kCpu);
  }
}

TEST(Matmul, RefusesShapesThatDoNotFit) {
  Device device;
  const Tensor a(device.stream, {3, 4}, DType::kFloat32);
  const Tensor c(device.stream, {3, 3}, DType::kFloat32);
  const Tensor rounded(device.stream, {3, 3}, DType::kBFloat16);
  EXPECT_THROW(matmul(device.stream, a, a, c), Error);
  EXPECT_THROW(matmul(device.stream, a, transposed(a), rounded), Error);
  EXPECT_NO_THROW(matmul(device.stream, a, transposed(a), c));
}

}  // namespace
}  // namespace bam
