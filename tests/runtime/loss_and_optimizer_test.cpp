#include <limits>

#include "runtime/adamw.h"
#include "runtime/check.h"
#include "runtime/cross_entropy.h"
#include "tests/runtime/tensors.h"

namespace bam {
namespace {

struct Expected {
  std::vector<double> losses, gradient;
};

Expected naive(const std::vector<double>& logits, const std::vector<int>& targets, double scale) {
  Expected to{{}, std::vector<double>(logits.size())};
  const std::size_t n = targets.empty() ? 0 : logits.size() / targets.size();
  for (std::size_t row = 0; row < targets.size(); ++row) {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) {
      sum += std::exp(logits[row * n + i]);
    }
    if (targets[row] == kNotScored) {
      to.losses.push_back(0);
      continue;
    }
    const auto target = static_cast<std::size_t>(targets[row]);
    to.losses.push_back(std::log(sum) - logits[row * n + target]);
    for (std::size_t i = 0; i < n; ++i) {
      to.gradient[row * n + i] =
          scale * (std::exp(logits[row * n + i]) / sum - (i == target ? 1 : 0));
    }
  }
  return to;
}

TEST(CrossEntropy, AndItsGradientEqualTheFormula) {
  using enum DType;
  for (const auto& [dtype, size] : std::vector<std::pair<DType, int>>{
           {kFloat32, 701}, {kFloat32, 704}, {kBFloat16, 701}, {kBFloat16, 704}}) {
    Device device;
    Stream& stream = device.stream;
    const std::vector<int> targets = {0, kNotScored, 700, 35};
    const Tensor logits = normal_tensor(stream, {4, size}, dtype, "logits");
    const Expected expected = naive(values_of(stream, logits), targets, 3.0);
    const Tensor losses(stream, {4}, DType::kFloat32);
    const Tensor places = int_tensor(stream, {4}, targets);
    cross_entropy(stream, logits, places, losses);
    expect_near(values_of(stream, losses), expected.losses, 1e-6);
    const Tensor gradient(stream, {4, size}, dtype);
    for (const Tensor& to : {gradient, logits}) {
      cross_entropy_with_gradient(stream, logits, places, 3.0, losses, to);
      expect_near(values_of(stream, losses), expected.losses, 1e-6);
      expect_near(values_of(stream, to), expected.gradient, dtype == DType::kFloat32 ? 1e-6 : 1e-2);
    }
  }
}

TEST(CrossEntropy, ShowsNanAndSurvivesLargeLogits) {
  Device device;
  Stream& stream = device.stream;
  const Tensor logits = float_tensor(stream, {2, 3}, {1e4F, 0, -1e4F, 0, std::nanf(""), 1});
  const Tensor losses(stream, {2}, DType::kFloat32);
  cross_entropy(stream, logits, int_tensor(stream, {2}, {1, 0}), losses);
  EXPECT_EQ(values_of(stream, losses)[0], 1e4);
  EXPECT_TRUE(std::isnan(values_of(stream, losses)[1]));
  expect_refused(stream, [&] {
    cross_entropy(stream, logits, int_tensor(stream, {2}, {3, 0}), losses);
  });
}

TEST(CrossEntropy, TakesNoRows) {
  Device device;
  const Tensor logits(device.stream, {0, 5}, DType::kFloat32);
  const Tensor nothing(device.stream, {0}, DType::kFloat32);
  cross_entropy(device.stream, logits, Tensor(device.stream, {0}, DType::kInt32), nothing);
}

TEST(Adamw, EqualsTheScalarFormulaOverSteps) {
  Device device;
  const std::int64_t size = 1001;
  const Tensor weight = normal_tensor(device.stream, {size}, DType::kFloat32, "w");
  const Tensor m(device.stream, {size}, DType::kFloat32);
  const Tensor v(device.stream, {size}, DType::kFloat32);
  fill_zero(device.stream, m);
  fill_zero(device.stream, v);
  std::vector<double> w = values_of(device.stream, weight);
  std::vector<double> first(w.size());
  std::vector<double> second(w.size());
  for (std::int64_t step = 1; step <= 3; ++step) {
    const Tensor g = normal_tensor(device.stream, {size}, DType::kFloat32, std::to_string(step));
    const AdamwStep how{1e-2, 0.9, 0.95, 1e-8, 0.5, step};
    adamw(device.stream, how, std::vector<AdamwPiece>{{g, weight, m, v, 0.1}});
    const std::vector<double> slopes = values_of(device.stream, g);
    for (std::size_t i = 0; i < w.size(); ++i) {
      const double slope = 0.5 * slopes[i];
      first[i] = 0.9 * first[i] + 0.1 * slope;
      second[i] = 0.95 * second[i] + 0.05 * slope * slope;
      const double m_hat = first[i] / (1 - std::pow(0.9, step));
      const double v_hat = second[i] / (1 - std::pow(0.95, step));
      w[i] -= 1e-2 * (m_hat / (std::sqrt(v_hat) + 1e-8) + 0.1 * w[i]);
    }
  }
  expect_near(values_of(device.stream, weight), w, 1e-6);
  expect_near(values_of(device.stream, m), first, 1e-6);
  expect_near(values_of(device.stream, v), second, 1e-6);
}

TEST(Adamw, WritesWhatWeightsRoundToBesideThem) {
  Device device;
  Stream& stream = device.stream;
  for (const std::int64_t size : {1000, 1001}) {
    const Tensor weight = normal_tensor(stream, {size}, DType::kFloat32, "w");
    const Tensor g = normal_tensor(stream, {size}, DType::kFloat32, "g");
    const Tensor m = normal_tensor(stream, {size}, DType::kFloat32, "m");
    const Tensor v(stream, {size}, DType::kFloat32);
    fill(stream, v, 1);
    const Tensor rounded(stream, {size}, DType::kBFloat16);
    const Tensor expected(stream, {size}, DType::kBFloat16);
    const AdamwStep how{1e-2, 0.9, 0.95, 1e-8, 0.5, 1};
    adamw(stream, how, std::vector<AdamwPiece>{{g, weight, m, v, 0.1, rounded}});
    copy(stream, weight, expected);
    EXPECT_TRUE(bytes_in(stream, rounded) == bytes_in(stream, expected));
    EXPECT_THROW(adamw(stream, how, std::vector<AdamwPiece>{{g, weight, m, v, 0.1, g}}), Error);
  }
}

}  // namespace
}  // namespace bam
