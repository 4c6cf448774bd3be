#include "io/data_order.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "runtime/check.h"

namespace bam {
namespace {

constexpr std::int64_t kPerStep = 8;

DataOrder made_order(std::uint64_t seed = 1) {
  return {seed, kPerStep, {{"a", 1, 50}, {"b", 2, 7}, {"c", 4, 301}}};
}

Draw nth(const DataOrder& order, std::int64_t index) {
  return order.draw(index / kPerStep, index % kPerStep);
}

TEST(DataOrder, Draws_AreAFunctionOfSeedStepAndSequence) {
  const DataOrder order = made_order();
  const DataOrder again = made_order();
  const DataOrder other = made_order(2);
  int different = 0;
  for (std::int64_t index = 4000; index-- > 0;) {  // backwards: nothing is remembered
    EXPECT_EQ(nth(order, index), nth(again, index));
    different += nth(order, index) == nth(other, index) ? 0 : 1;
  }
  EXPECT_GT(different, 2000);
}

TEST(DataOrder, Shares_AreExactInEveryBlock) {
  const DataOrder order = made_order();
  EXPECT_EQ(order.quotas(), (std::vector<std::int64_t>{143, 286, 571}));
  for (std::int64_t block = 0; block < 5; ++block) {
    std::vector<std::int64_t> counts(3);
    for (std::int64_t i = 0; i < DataOrder::kBlock; ++i) {
      ++counts[static_cast<std::size_t>(nth(order, block * DataOrder::kBlock + i).domain)];
    }
    EXPECT_EQ(counts, order.quotas());
  }
}

TEST(DataOrder, Domains_AreSpreadOverABlock) {
  const DataOrder order = made_order();
  std::int64_t in_first_tenth = 0;
  for (std::int64_t i = 0; i < 100; ++i) {
    in_first_tenth += nth(order, i).domain == 2 ? 1 : 0;
  }
  EXPECT_GT(in_first_tenth, 35);
  EXPECT_LT(in_first_tenth, 80);
}

TEST(DataOrder, EveryWindow_IsReadOnceAnEpoch) {
  const std::vector<std::int64_t> windows = {50, 7, 301};
  const DataOrder order = made_order();
  // Blocks in which each domain's draws are a whole number of epochs: 286 * 7 draws of "b".
  std::map<int, std::map<std::int64_t, int>> reads;
  const std::int64_t blocks = 7;
  for (std::int64_t i = 0; i < blocks * DataOrder::kBlock; ++i) {
    const Draw draw = nth(order, i);
    ++reads[draw.domain][draw.window];
  }
  for (int domain = 0; domain < 3; ++domain) {
    const std::int64_t draws = blocks * order.quotas()[static_cast<std::size_t>(domain)];
    const std::int64_t of_domain = windows[static_cast<std::size_t>(domain)];
    ASSERT_EQ(static_cast<std::int64_t>(reads[domain].size()), of_domain);
    for (const auto& [window, count] : reads[domain]) {
      EXPECT_GE(window, 0);
      EXPECT_LT(window, of_domain);
      EXPECT_GE(count, draws / of_domain);
      EXPECT_LE(count, (draws + of_domain - 1) / of_domain);
    }
  }
}

TEST(DataOrder, Epochs_AreShuffledAnew) {
  const DataOrder order(1, 1, {{"a", 1, 500}});
  std::int64_t same = 0;
  for (std::int64_t i = 0; i < 500; ++i) {
    same += order.draw(i, 0).window == order.draw(500 + i, 0).window ? 1 : 0;
  }
  EXPECT_LT(same, 25);
}

TEST(DataOrder, OneWindow_IsReadEveryTime) {
  const DataOrder order(1, 3, {{"a", 1, 1}});
  EXPECT_EQ(order.draw(1000, 2), (Draw{0, 0}));
}

TEST(DataOrder, BadShares_AreRefused) {
  EXPECT_THROW(DataOrder(1, 1, {}), BadInput);
  EXPECT_THROW(DataOrder(1, 1, {{"a", 0, 5}}), BadInput);
  EXPECT_THROW(DataOrder(1, 1, {{"a", -1, 5}}), BadInput);
  EXPECT_THROW(DataOrder(1, 1, {{"a", NAN, 5}}), BadInput);
  EXPECT_THROW(DataOrder(1, 1, {{"a", 1, 0}}), BadInput);
  EXPECT_THROW(DataOrder(1, 1, {{"a", 1, 5}, {"b", 1e-6, 5}}), BadInput);
}

}  // namespace
}  // namespace bam
