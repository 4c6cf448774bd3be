#include <functional>

#include "runtime/check.h"
#include "runtime/embedding.h"
#include "runtime/layer_norm.h"
#include "runtime/rope.h"
#include "runtime/swiglu.h"
#include "tests/runtime/tensors.h"

namespace bam {
namespace {

// d <f(x), weights> / dx[i] by central differences in double.
std::vector<double> slopes(std::vector<double> x,
                           const std::function<std::vector<double>(const std::vector<double>&)>& f,
                           const std::vector<double>& weights) {
  constexpr double kStep = 1e-5;
  std::vector<double> found;
  for (double& value : x) {
    const double middle = value;
    value = middle + kStep;
    const auto above = f(x);
    value = middle - kStep;
    const auto below = f(x);
    value = middle;
    double slope = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      slope += weights[i] * (above[i] - below[i]) / (2 * kStep);
    }
    found.push_back(slope);
  }
  return found;
}

constexpr double kEpsilon = 1e-5;

std::vector<double> naive_norm(const std::vector<double>& x, const std::vector<double>& weight) {
  const std::size_t d = weight.size();
  std::vector<double> h(x.size());
  for (std::size_t row = 0; row < x.size(); row += d) {
    double mean = 0;
    double variance = 0;
    for (std::size_t i = 0; i < d; ++i) {
      mean += x[row + i] / static_cast<double>(d);
    }
    for (std::size_t i = 0; i < d; ++i) {
      variance += (x[row + i] - mean) * (x[row + i] - mean) / static_cast<double>(d);
    }
    for (std::size_t i = 0; i < d; ++i) {
      h[row + i] = (x[row + i] - mean) / std::sqrt(variance + kEpsilon) * weight[i];
    }
  }
  return h;
}

void expect_norm_formula(std::int64_t n, std::int64_t d, DType dtype) {
  Device device;
  Stream& stream = device.stream;
  const Tensor x = normal_tensor(stream, {n, d}, DType::kFloat32, "x");
  const Tensor weight = normal_tensor(stream, {d}, DType::kFloat32, "weight");
  const Tensor h(stream, {n, d}, dtype);
  const Tensor statistics(stream, {n, 2}, DType::kFloat32);
  layer_norm(stream, x, weight, kEpsilon, h, statistics);
  const std::vector<double> rows = values_of(stream, x);
  const std::vector<double> factors = values_of(stream, weight);
  expect_near(values_of(stream, h), naive_norm(rows, factors), tolerance_of(dtype));
  const Tensor dh = normal_tensor(stream, {n, d}, dtype, "dh");
  const Tensor dx(stream, {n, d}, DType::kFloat32);
  const Tensor dw(stream, {d}, DType::kFloat32);
  fill_zero(stream, dx);
  fill_zero(stream, dw);
  layer_norm_backward(stream, x, weight, statistics, dh, dx, dw);
  const auto of_rows = [&](const auto& at) { return naive_norm(at, factors); };
  const auto of_factors = [&](const auto& at) { return naive_norm(rows, at); };
  const std::vector<double> d_out = values_of(stream, dh);
  expect_near(values_of(stream, dx), slopes(rows, of_rows, d_out), 1e-4);
  expect_near(values_of(stream, dw), slopes(factors, of_factors, d_out), 1e-4);
}

// On a GPU rows that are read one element at a time, and such as are read four at a time.
TEST(LayerNorm, AndItsGradientEqualTheFormula) {
  for (const std::int64_t n : {0, 1, 5}) {
    for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
      expect_norm_formula(n, 19, dtype);
      expect_norm_formula(n, 20, dtype);
    }
  }
}

TEST(LayerNormBackward, GivesTheSameBitsWhateverTheThreadsAndSkipsFrozenWeights) {
  Device device;
  Stream& stream = device.stream;
  const Tensor x = normal_tensor(stream, {1000, 64}, DType::kFloat32, "x");
  const Tensor weight = normal_tensor(stream, {64}, DType::kFloat32, "weight");
  const Tensor h(stream, {1000, 64}, DType::kFloat32);
  const Tensor statistics(stream, {1000, 2}, DType::kFloat32);
  layer_norm(stream, x, weight, kEpsilon, h, statistics);
  const Tensor dw(stream, {64}, DType::kFloat32);
  const auto run = [&](const Tensor& gradient) {
    const Tensor dx(stream, {1000, 64}, DType::kFloat32);
    fill_zero(stream, dx);
    fill_zero(stream, dw);
    layer_norm_backward(stream, x, weight, statistics, h, dx, gradient);
    return bytes_in(stream, dx);
  };
  const auto dx = run(dw);
  const auto expected = bytes_in(stream, dw);
  with_thread_counts([&] {
    EXPECT_TRUE(run(dw) == dx);
    EXPECT_TRUE(bytes_in(stream, dw) == expected);
  });
  EXPECT_TRUE(run(Tensor()) == dx);
}

TEST(LayerNorm, GivesItsInputsGradientInBfloat16Too) {
  for (const std::int64_t d : {48, 1030, 6148}) {
    Device device;
    Stream& stream = device.stream;
    const Tensor x = normal_tensor(stream, {5, d}, DType::kFloat32, "x");
    const Tensor weight = normal_tensor(stream, {d}, DType::kFloat32, "weight");
    const Tensor dh = normal_tensor(stream, {5, d}, DType::kFloat32, "dh");
    const Tensor dx = normal_tensor(stream, {5, d}, DType::kFloat32, "dx");
    const Tensor h(stream, {5, d}, DType::kFloat32);
    const Tensor statistics(stream, {5, 2}, DType::kFloat32);
    layer_norm(stream, x, weight, 1e-5, h, statistics);
    const Tensor low(stream, {5, d}, DType::kBFloat16);
    layer_norm_backward(stream, x, weight, statistics, dh, dx, Tensor(), low);
    const Tensor expected(stream, {5, d}, DType::kBFloat16);
    copy(stream, dx, expected);
    EXPECT_EQ(values_of(stream, low), values_of(stream, expected)) << d;
  }
}

TEST(Rope, TurnsPairsByTheirAngleAndBack) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    Device device;
    Stream& stream = device.stream;
    const Tensor table = rope_table(stream, 10, 6, 100.0);
    const Tensor x = normal_tensor(stream, {3, 12}, dtype, "x");
    const std::vector<double> before = values_of(stream, x);
    std::vector<double> expected = before;
    const std::vector<int> positions = {0, 9, 4};
    for (std::size_t row = 0; row < 3; ++row) {
      for (std::size_t pair = 0; pair < 6; ++pair) {
        const double angle =
            positions[row] * std::pow(100.0, -2.0 * static_cast<double>(pair % 3) / 6.0);
        double* even = expected.data() + row * 12 + pair * 2;
        const double first = even[0];
        even[0] = first * std::cos(angle) - even[1] * std::sin(angle);
        even[1] = first * std::sin(angle) + even[1] * std::cos(angle);
      }
    }
    const Tensor places = int_tensor(stream, {3}, positions);
    rope(stream, x, places, table, Rotation::kForward);
    expect_near(values_of(stream, x), expected, tolerance_of(dtype));
    rope(stream, x, places, table, Rotation::kBackward);
    expect_near(values_of(stream, x), before, tolerance_of(dtype));
    expect_refused(stream, [&] {
      rope(stream, x, int_tensor(stream, {3}, {0, 10, 1}), table, Rotation::kForward);
    });
  }
}

// Columns [begin, end) of a matrix.
std::vector<double> columns_of(Stream& stream, const Tensor& all, std::size_t begin,
                               std::size_t end) {
  const std::vector<double> values = values_of(stream, all);
  const auto width = static_cast<std::size_t>(all.cols());
  std::vector<double> found;
  for (std::size_t row = 0; row < values.size(); row += width) {
    found.insert(found.end(), values.begin() + static_cast<std::ptrdiff_t>(row + begin),
                 values.begin() + static_cast<std::ptrdiff_t>(row + end));
  }
  return found;
}

TEST(Rope, OfPartsOfOneProductIsThatOfEachAndBack) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    Device device;
    Stream& stream = device.stream;
    const Tensor table = rope_table(stream, 20, 6, 1e4);
    const Tensor places = int_tensor(stream, {3}, {19, 0, 7});
    const Tensor qkv = normal_tensor(stream, {3, 24}, dtype, "qkv");
    const Tensor whole = normal_tensor(stream, {3, 24}, dtype, "qkv");
    rope(stream, whole, places, table, Rotation::kForward);
    const Tensor q(stream, {3, 12}, dtype);
    const Tensor k(stream, {3, 6}, dtype);
    const Tensor v(stream, {3, 6}, dtype);
    rope_unpack(stream, qkv, places, table, q, k, v);
    expect_near(values_of(stream, q), columns_of(stream, whole, 0, 12), tolerance_of(dtype));
    expect_near(values_of(stream, k), columns_of(stream, whole, 12, 18), tolerance_of(dtype));
    EXPECT_EQ(values_of(stream, v), columns_of(stream, qkv, 18, 24));
    const Tensor back(stream, {3, 24}, dtype);
    rope_pack(stream, q, k, v, places, table, back);
    expect_near(values_of(stream, back), values_of(stream, qkv), 2 * tolerance_of(dtype));
  }
}

double silu(double g) { return g / (1 + std::exp(-g)); }

TEST(Swiglu, AndItsGradientEqualTheFormulaInPlaceToo) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    Device device;
    Stream& stream = device.stream;
    const Tensor gate_up = normal_tensor(stream, {7, 26}, dtype, "gate_up");
    const Tensor d_out = normal_tensor(stream, {7, 13}, dtype, "d_out");
    const Tensor out(stream, {7, 13}, dtype);
    const auto pairs = values_of(stream, gate_up);
    const auto d = values_of(stream, d_out);
    std::vector<double> expected, d_gate_up(pairs.size());
    for (std::size_t i = 0; i < d.size(); ++i) {
      const std::size_t at = i / 13 * 26 + i % 13;
      const double g = pairs[at];
      const double u = pairs[at + 13];
      const double s = 1 / (1 + std::exp(-g));
      expected.push_back(silu(g) * u);
      d_gate_up[at] = d[i] * u * s * (1 + g * (1 - s));
      d_gate_up[at + 13] = d[i] * silu(g);
    }
    swiglu(stream, gate_up, out);
    expect_near(values_of(stream, out), expected, tolerance_of(dtype));
    swiglu_backward(stream, gate_up, d_out, gate_up, d_out);
    expect_near(values_of(stream, gate_up), d_gate_up, tolerance_of(dtype));
    expect_near(values_of(stream, d_out), expected, tolerance_of(dtype));
  }
}

TEST(Embedding, GathersAndAddsRepeatedTokensUp) {
  Device device;
  Stream& stream = device.stream;
  const Tensor table = float_tensor(stream, {3, 2}, {1, 2, 3, 4, 5, 6});
  const Tensor tokens = int_tensor(stream, {4}, {2, 0, 2, 2});
  const Tensor x(stream, {4, 2}, DType::kFloat32);
  embedding(stream, tokens, table, x);
  EXPECT_EQ(values_of(stream, x), (std::vector<double>{5, 6, 1, 2, 5, 6, 5, 6}));
  embedding_backward(stream, tokens, x, table);
  EXPECT_EQ(values_of(stream, table), (std::vector<double>{2, 4, 3, 4, 20, 24}));
  expect_refused(stream, [&] {
    embedding(stream, int_tensor(stream, {4}, {0, 1, 3, 0}), table, x);
  });
}

}  // namespace
}  // namespace bam
