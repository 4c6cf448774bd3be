#include "runtime/router_products.h"

#include "tests/runtime/tensors.h"

namespace bam {
namespace {

struct Sizes {
  std::int64_t n;
  std::int64_t d;
  std::int64_t experts;
};

// Whole packs and ragged rows, one expert and more than a kernel takes at once, no row, many.
const std::vector<Sizes> kSizes = {{0, 64, 4},    {1, 1, 1},   {5, 256, 4},  {33, 1030, 3},
                                   {70, 516, 5},  {9, 72, 8},  {40, 68, 16}, {7, 33, 64},
                                   {37, 132, 21}, {600, 32, 2}};

struct Products {
  Products(Stream& stream, const Sizes& sizes, DType dtype)
      : h(normal_tensor(stream, {sizes.n, sizes.d}, dtype, "h")),
        weight(normal_tensor(stream, {sizes.experts, sizes.d}, DType::kFloat32, "weight")),
        d_logits(normal_tensor(stream, {sizes.n, sizes.experts}, DType::kFloat32, "d_logits")),
        logits(stream, {sizes.n, sizes.experts}, DType::kFloat32),
        dh(normal_tensor(stream, {sizes.n, sizes.d}, DType::kFloat32, "dh")),
        dw(normal_tensor(stream, {sizes.experts, sizes.d}, DType::kFloat32, "dw")) {}

  void compute(Stream& stream) const {
    fill(stream, logits, std::nanf(""));
    router_logits(stream, h, weight, logits);
    router_input_gradient(stream, d_logits, weight, dh);
    router_weight_gradient(stream, d_logits, h, dw);
  }

  Tensor h;
  Tensor weight;
  Tensor d_logits;
  Tensor logits;
  Tensor dh;
  Tensor dw;
};

void expect_formula(Stream& stream, const Sizes& sizes, DType dtype) {
  const auto [n, d, experts] = sizes;
  const Products products(stream, sizes, dtype);
  const std::vector<double> h = values_of(stream, products.h);
  const std::vector<double> w = values_of(stream, products.weight);
  const std::vector<double> slopes = values_of(stream, products.d_logits);
  std::vector<double> dh = values_of(stream, products.dh);
  std::vector<double> dw = values_of(stream, products.dw);
  std::vector<double> logits(slopes.size());
  for (std::int64_t row = 0; row < n; ++row) {
    for (std::int64_t e = 0; e < experts; ++e) {
      for (std::int64_t i = 0; i < d; ++i) {
        logits[row * experts + e] += h[row * d + i] * w[e * d + i];
        dh[row * d + i] += slopes[row * experts + e] * w[e * d + i];
        dw[e * d + i] += slopes[row * experts + e] * h[row * d + i];
      }
    }
  }
  products.compute(stream);
  expect_near(values_of(stream, products.logits), logits, 2e-5);
  expect_near(values_of(stream, products.dh), dh, 2e-5);
  expect_near(values_of(stream, products.dw), dw, 2e-5);
}

TEST(RouterProducts, EqualDoubleLoopsForEverySizeAndReadBfloat16AsItIs) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    for (const Sizes& sizes : kSizes) {
      SCOPED_TRACE(message_of(name_of(dtype), ", ", sizes.n, " rows of ", sizes.d, ", ",
                              sizes.experts, " experts"));
      Device device;
      expect_formula(device.stream, sizes, dtype);
    }
  }
}

TEST(RouterProducts, ReadRowsThatBeginAnywhere) {
  Device device;
  Stream& stream = device.stream;
  const Tensor all = normal_tensor(stream, {9, 6}, DType::kBFloat16, "h");
  const Tensor weight = normal_tensor(stream, {2, 6}, DType::kFloat32, "weight");
  const Tensor whole(stream, {9, 2}, DType::kFloat32);
  router_logits(stream, all, weight, whole);
  const Tensor part(stream, {6, 2}, DType::kFloat32);
  router_logits(stream, all.slice(3, 9), weight, part);
  expect_near(values_of(stream, part), values_of(stream, whole.slice(3, 9)), 1e-6);
}

// So many that a GPU's block adds up more rows than it has slopes of at once.
TEST(RouterProducts, AddUpTheWeightsGradientOverManyRows) {
  constexpr std::int64_t kN = 17000;
  constexpr std::int64_t kD = 260;
  constexpr std::int64_t kExperts = 64;
  Device device;
  Stream& stream = device.stream;
  const Tensor h = normal_tensor(stream, {kN, kD}, DType::kBFloat16, "h");
  const Tensor d_logits = normal_tensor(stream, {kN, kExperts}, DType::kFloat32, "d_logits");
  const Tensor dw(stream, {kExperts, kD}, DType::kFloat32);
  fill(stream, dw, 1.0F);
  router_weight_gradient(stream, d_logits, h, dw);
  const std::vector<double> rows = values_of(stream, h);
  const std::vector<double> slopes = values_of(stream, d_logits);
  std::vector<double> expected(kExperts * kD, 1.0);
  for (std::int64_t row = 0; row < kN; ++row) {
    for (std::int64_t e = 0; e < kExperts; ++e) {
      for (std::int64_t i = 0; i < kD; ++i) {
        expected[e * kD + i] += slopes[row * kExperts + e] * rows[row * kD + i];
      }
    }
  }
  expect_near(values_of(stream, dw), expected, 2e-4);
}

// On a GPU: in whatever order its blocks run.
TEST(RouterProducts, GiveTheSameBitsWhateverTheThreads) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    Device device;
    Stream& stream = device.stream;
    const auto bytes = [&] {
      const Products products(stream, {700, 520, 6}, dtype);
      products.compute(stream);
      return std::vector{bytes_in(stream, products.logits), bytes_in(stream, products.dh),
                         bytes_in(stream, products.dw)};
    };
    const auto expected = bytes();
    with_thread_counts([&] { EXPECT_TRUE(bytes() == expected); });
  }
}

TEST(RouterProducts, LeaveOutTheGradientOfAFrozenWeightAndRefuseShapesThatDoNotFit) {
  Device device;
  Stream& stream = device.stream;
  const Products products(stream, {5, 8, 3}, DType::kFloat32);
  router_weight_gradient(stream, products.d_logits, products.h, Tensor());
  EXPECT_THROW(router_logits(stream, products.h, products.d_logits, products.logits), Error);
  EXPECT_THROW(router_logits(stream, products.h, products.weight, products.dw), Error);
  const Tensor low(stream, {5, 8}, DType::kBFloat16);
  EXPECT_THROW(router_input_gradient(stream, products.d_logits, products.weight, low), Error);
  EXPECT_THROW(router_weight_gradient(stream, products.logits, low, products.dh), Error);
}

}  // namespace
}  // namespace bam
