#include <numeric>

#include "runtime/check.h"
#include "runtime/routing_tally.h"
#include "tests/runtime/tensors.h"

namespace bam {
namespace {

TEST(SoftmaxRows, AndItsGradientEqualTheFormula) {
  Device device;
  Stream& stream = device.stream;
  const std::int64_t n = 5;
  const std::int64_t experts = 7;
  const Tensor logits = normal_tensor(stream, {n, experts}, DType::kFloat32, "logits");
  const Tensor dp = normal_tensor(stream, {n, experts}, DType::kFloat32, "dp");
  const Tensor p(stream, {n, experts}, DType::kFloat32);
  const Tensor log_sums(stream, {n}, DType::kFloat32);
  softmax_rows(stream, logits, p, log_sums);
  const std::vector<double> scores = values_of(stream, logits);
  const std::vector<double> slopes = values_of(stream, dp);
  std::vector<double> expected(n * experts), sums(n), gradient(n * experts);
  for (std::int64_t i = 0; i < n; ++i) {
    double sum = 0;
    for (std::int64_t e = 0; e < experts; ++e) {
      sum += std::exp(scores[i * experts + e]);
    }
    sums[i] = std::log(sum);
    double mean = 0;
    for (std::int64_t e = i * experts; e < (i + 1) * experts; ++e) {
      expected[e] = std::exp(scores[e]) / sum;
      mean += expected[e] * slopes[e];
    }
    for (std::int64_t e = i * experts; e < (i + 1) * experts; ++e) {
      gradient[e] = expected[e] * (slopes[e] - mean + 2 * 0.3 * sums[i]);
    }
  }
  expect_near(values_of(stream, p), expected, 1e-6);
  expect_near(values_of(stream, log_sums), sums, 1e-6);
  softmax_rows_backward(stream, p, log_sums, 0.3, dp, dp);
  expect_near(values_of(stream, dp), gradient, 1e-5);
}

TEST(TopK, TakesTheLowerExpertOfEqualOnes) {
  Device device;
  const Tensor p =
      float_tensor(device.stream, {2, 4}, {.2F, .3F, .3F, .2F, .25F, .25F, .25F, .25F});
  const Tensor choices(device.stream, {2, 3}, DType::kInt32);
  top_k(device.stream, p, choices);
  EXPECT_EQ(values_of(device.stream, choices), (std::vector<double>{1, 2, 0, 0, 1, 2}));
}

TEST(TopK, ChoosesEveryExpertOnceEvenOfNan) {
  Device device;
  const float nan = std::nanf("");
  const Tensor p = float_tensor(device.stream, {2, 3}, {nan, nan, nan, nan, .1F, .2F});
  const Tensor choices(device.stream, {2, 3}, DType::kInt32);
  top_k(device.stream, p, choices);
  EXPECT_EQ(values_of(device.stream, choices), (std::vector<double>{2, 1, 0, 2, 1, 0}));
}

TEST(ChosenGates, AndTheirGradientEqualTheFormula) {
  Device device;
  Stream& stream = device.stream;
  const Tensor p = float_tensor(stream, {1, 4}, {.1F, .2F, .3F, .4F});
  const Tensor choices = int_tensor(stream, {1, 2}, {3, 1});
  const Tensor gates(stream, {1, 2}, DType::kFloat32);
  const Tensor d_gates = float_tensor(stream, {1, 2}, {1, -2});
  const Tensor dp(stream, {1, 4}, DType::kFloat32);
  chosen_gates(stream, p, choices, Gates::kAsTheyAre, gates);
  expect_near(values_of(stream, gates), {.4, .2}, 1e-6);
  chosen_gates_backward(stream, p, choices, Gates::kAsTheyAre, d_gates, dp);
  expect_near(values_of(stream, dp), {0, -2, 0, 1}, 1e-6);
  chosen_gates(stream, p, choices, Gates::kRenormalised, gates);
  expect_near(values_of(stream, gates), {2.0 / 3, 1.0 / 3}, 1e-6);
  chosen_gates_backward(stream, p, choices, Gates::kRenormalised, d_gates, dp);
  expect_near(values_of(stream, dp), {0, -2 / .6, 0, 1 / .6}, 1e-5);  // their mean <d, gates> is 0
}

TEST(OrderByExpert, KeepsTokensAscendingAndLeavesEmptyExpertsOut) {
  Device device;
  const std::vector<int> experts = {2, 0, 1, 3};
  const Tensor choices = int_tensor(device.stream, {3, 2}, {3, 0, 2, 3, 0, 2});
  const ExpertOrder order = order_by_expert(device.stream, choices, experts);
  EXPECT_EQ(values_of(device.stream, order.counts), (std::vector<double>{2, 2, 0, 2}));
  EXPECT_EQ(values_of(device.stream, order.token_of_row), (std::vector<double>{1, 2, 0, 2, 0, 1}));
  EXPECT_EQ(values_of(device.stream, order.row_of_slot), (std::vector<double>{4, 2, 0, 5, 3, 1}));
  const ExpertOrder none =
      order_by_expert(device.stream, Tensor(device.stream, {0, 2}, DType::kInt32), experts);
  EXPECT_EQ(values_of(device.stream, none.counts), std::vector<double>(4));
  EXPECT_THROW(order_by_expert(device.stream, choices, std::vector<int>{0, 1, 2, 2}), Error);
}

TEST(Padded, GivesEveryExpertAsManyRowsAndThoseBeyondNone) {
  Device device;
  const Tensor choices = int_tensor(device.stream, {3, 2}, {3, 0, 2, 3, 0, 3});
  const ExpertOrder order = order_by_expert(device.stream, choices, std::vector<int>{0, 1, 2, 3});
  const ExpertOrder two = padded(device.stream, order, 2);
  EXPECT_EQ(values_of(device.stream, two.token_of_row),
            (std::vector<double>{0, 2, kNoRow, kNoRow, 1, kNoRow, 0, 1}));
  EXPECT_EQ(values_of(device.stream, two.row_of_slot),
            (std::vector<double>{6, 0, 4, 7, 1, kNoRow}));
  EXPECT_EQ(values_of(device.stream, two.counts), (std::vector<double>{2, 0, 1, 3}));
  const ExpertOrder none = padded(device.stream, order, 0);
  EXPECT_EQ(none.token_of_row.elements(), 0);
  EXPECT_EQ(values_of(device.stream, none.row_of_slot), std::vector<double>(6, kNoRow));
}

TEST(Padded, RowsOfNoTokenAreZeroAndSlotsWithoutARowAreLeftOut) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    Device device;
    Stream& stream = device.stream;
    const Tensor in(stream, {2, 2}, dtype);
    copy(stream, float_tensor(stream, {2, 2}, {1, 2, 3, 4}), in);
    const Tensor rows(stream, {3, 2}, dtype);
    copy(stream, float_tensor(stream, {3, 2}, {9, 9, 9, 9, 9, 9}), rows);
    gather_rows(stream, in, int_tensor(stream, {3}, {1, kNoRow, 0}), rows);
    EXPECT_EQ(values_of(stream, rows), (std::vector<double>{3, 4, 0, 0, 1, 2}));
    const Tensor slots = int_tensor(stream, {1, 2}, {kNoRow, 2});
    const Tensor gates = float_tensor(stream, {1, 2}, {5, 7});
    const Tensor sum = float_tensor(stream, {1, 2}, {10, 10});
    combine_rows(stream, rows, slots, gates, sum);
    EXPECT_EQ(values_of(stream, sum), (std::vector<double>{17, 24}));
    const Tensor d_answers(stream, {3, 2}, dtype);
    fill_zero(stream, d_answers);
    const Tensor d_gates = float_tensor(stream, {1, 2}, {-1, -1});
    combine_rows_backward(stream, rows, slots, gates, float_tensor(stream, {1, 2}, {1, 1}),
                          d_answers, d_gates);
    EXPECT_EQ(values_of(stream, d_answers), (std::vector<double>{0, 0, 0, 0, 7, 7}));
    EXPECT_EQ(values_of(stream, d_gates), (std::vector<double>{0, 3}));
  }
}

TEST(CombineRows, ReturnsEveryAnswerToItsTokenAndItsGradientBack) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    Device device;
    Stream& stream = device.stream;
    const Tensor answers = float_tensor(stream, {4, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
    const Tensor rounded(stream, {4, 2}, dtype);
    copy(stream, answers, rounded);
    const Tensor slots = int_tensor(stream, {2, 2}, {2, 0, 1, 3});
    const Tensor gates = float_tensor(stream, {2, 2}, {1, 2, -1, .5F});
    const Tensor sum = float_tensor(stream, {2, 2}, {10, 10, 10, 10});
    combine_rows(stream, rounded, slots, gates, sum);
    EXPECT_EQ(values_of(stream, sum), (std::vector<double>{17, 20, 10.5, 10}));
    const Tensor d_sum = float_tensor(stream, {2, 2}, {1, 0, 2, 1});
    const Tensor d_answers(stream, {4, 2}, dtype);
    const Tensor d_gates(stream, {2, 2}, DType::kFloat32);
    combine_rows_backward(stream, rounded, slots, gates, d_sum, d_answers, d_gates);
    EXPECT_EQ(values_of(stream, d_answers), (std::vector<double>{2, 0, -2, -1, 1, 0, 1, .5}));
    EXPECT_EQ(values_of(stream, d_gates), (std::vector<double>{5, 1, 10, 22}));
  }
}

TEST(GatherRows, AndScatterAddRowsAreEachOthersInverse) {
  for (const std::int64_t m : {0, 1, 500}) {
    Device device;
    Stream& stream = device.stream;
    const Tensor in = normal_tensor(stream, {500, 33}, DType::kFloat32, "in");
    std::vector<int> rows(static_cast<std::size_t>(m));
    for (int i = 0; i < m; ++i) {
      rows[i] = i * 7 % 500;
    }
    const Tensor places = int_tensor(stream, {m}, rows);
    const Tensor out(stream, {m, 33}, DType::kFloat32);
    gather_rows(stream, in, places, out);
    const Tensor sum(stream, {500, 33}, DType::kFloat32);
    fill_zero(stream, sum);
    scatter_add_rows(stream, out, places, sum);
    for (const int row : rows) {
      EXPECT_TRUE(bytes_in(stream, sum.slice(row, row + 1)) ==
                  bytes_in(stream, in.slice(row, row + 1)));
    }
    EXPECT_NEAR(squared_norm(stream, sum), squared_norm(stream, out), 1e-6);
  }
}

TEST(RoutingTally, SumsEverySpanApart) {
  Device device;
  Stream& stream = device.stream;
  const Tensor p = float_tensor(stream, {4, 2}, {1, 0, .5F, .5F, .25F, .75F, 1, 0});
  const Tensor log_sums = float_tensor(stream, {4}, {9, 1, 2, 3});
  const Tensor choices = int_tensor(stream, {4, 1}, {0, 0, 1, 1});
  RoutingTally tally;
  tally.add(stream, p, log_sums, choices, 2, Pairs::kLeftOut);
  tally.add(stream, p, log_sums, Tensor(), 4, Pairs::kLeftOut);
  const auto counted = tally.read(stream);
  ASSERT_EQ(counted.size(), 2U);
  ASSERT_EQ(counted[0].spans.size(), 2U);
  EXPECT_EQ(counted[0].spans[0].chosen, (std::vector<double>{2, 0}));
  const RoutingSums& second = counted[0].spans[1];
  EXPECT_EQ(second.tokens, 2);
  EXPECT_EQ(second.chosen, (std::vector<double>{0, 2}));
  expect_near(second.gates, {1.25, .75}, 1e-6);
  EXPECT_NEAR(second.entropy, -.25 * std::log(.25) - .75 * std::log(.75), 1e-6);
  EXPECT_EQ(second.squared_log_sum, 13);
  ASSERT_EQ(counted[1].spans.size(), 1U);
  EXPECT_EQ(counted[1].spans[0].chosen, (std::vector<double>{0, 0}));
  EXPECT_EQ(counted[1].spans[0].squared_log_sum, 95);
  EXPECT_EQ(counted[1].spans[0].tokens, 4);
}

TEST(RoutingTally, KnowsSizesWithoutTokensAndIsReadAsOftenAsOneLikes) {
  Device device;
  Stream& stream = device.stream;
  RoutingTally tally;
  tally.add(stream, Tensor(stream, {0, 3}, DType::kFloat32), Tensor(stream, {0}, DType::kFloat32),
            Tensor(stream, {0, 2}, DType::kInt32), 5, Pairs::kCounted);
  const auto counted = tally.read(stream);
  ASSERT_EQ(counted.size(), 1U);
  EXPECT_TRUE(counted[0].spans.empty());
  EXPECT_EQ(counted[0].none.chosen, std::vector<double>(3));
  EXPECT_EQ(counted[0].none.pairs, std::vector<double>(3));
  EXPECT_EQ(tally.read(stream).size(), 1U);
}

TEST(RoutingTally, PairsAreOfExpertsChosenTogether) {
  Device device;
  Stream& stream = device.stream;
  const Tensor choices = int_tensor(stream, {4, 2}, {3, 1, 0, 2, 1, 3, 2, 3});
  const Tensor p(stream, {4, 4}, DType::kFloat32);
  const Tensor log_sums(stream, {4}, DType::kFloat32);
  fill_zero(stream, p);
  fill_zero(stream, log_sums);
  RoutingTally tally;
  tally.add(stream, p, log_sums, choices, 4, Pairs::kCounted);
  tally.add(stream, p, log_sums, choices, 1, Pairs::kCounted);
  const auto counted = tally.read(stream);
  // (0,1) (0,2) (0,3) (1,2) (1,3) (2,3)
  EXPECT_EQ(counted[0].spans[0].pairs, (std::vector<double>{0, 1, 0, 0, 2, 1}));
  EXPECT_EQ(counted[1].spans[1].pairs, (std::vector<double>{0, 1, 0, 0, 0, 0}));
  EXPECT_EQ(pair_index(1, 3, 4), 4U);
  EXPECT_EQ(pair_index(2, 3, 4), 5U);
}

}  // namespace
}  // namespace bam
