#include "io/results.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "io/results_table.h"
#include "io/text_file.h"
#include "runtime/check.h"
#include "tests/io/temporary_folder.h"

namespace bam {
namespace {

/// `count` documents whose nats per token alternate between mean - spread and mean + spread.
std::vector<DocumentScore> documents(int count, double mean, double spread) {
  std::vector<DocumentScore> all;
  for (int i = 0; i < count; ++i) {
    all.push_back({100 * (mean + (i % 2 == 0 ? -spread : spread)), 100, 400});
  }
  return all;
}

TEST(Bootstrap, StatisticsAreTheirDefinitions) {
  const std::vector<DocumentScore> two = {{std::log(2.0) * 3, 3, 2}, {std::log(2.0), 1, 2}};
  EXPECT_DOUBLE_EQ(perplexity_of(two), 2.0);
  EXPECT_DOUBLE_EQ(bits_per_byte_of(two), 1.0);
  EXPECT_THROW(perplexity_of({}), Error);
}

TEST(Bootstrap, EqualDocumentsHaveNoWidth) {
  const Interval interval = bootstrap(documents(20, 1.5, 0), perplexity_of);
  EXPECT_NEAR(interval.low, std::exp(1.5), 1e-12);
  EXPECT_NEAR(interval.high, std::exp(1.5), 1e-12);
}

TEST(Bootstrap, WidthIsTheNormalApproximations) {
  // 100 equal-sized documents at +-s: the mean's standard deviation is s / 10.
  const auto spread = documents(100, 2.0, 0.5);
  const Interval interval = bootstrap(spread, [](std::span<const DocumentScore> drawn) {
    return std::log(perplexity_of(drawn));
  });
  EXPECT_NEAR(interval.value, 2.0, 1e-12);
  EXPECT_NEAR(interval.high - interval.low, 2 * 1.96 * 0.05, 0.02);
}

TEST(Bootstrap, PairingRemovesWhatDocumentsShare) {
  // b is a with every document 10 % more likely: exp(nll) scales, so the log difference is exact.
  const auto a = documents(40, 2.0, 0.8);
  auto b = a;
  for (auto& document : b) {
    document.nll -= 100 * std::log(1.1);
  }
  const Statistic log_perplexity = [](std::span<const DocumentScore> drawn) {
    return std::log(perplexity_of(drawn));
  };
  const Interval difference = paired_bootstrap(a, b, log_perplexity);
  EXPECT_NEAR(difference.low, std::log(1.1), 1e-12);
  EXPECT_NEAR(difference.high, std::log(1.1), 1e-12);
}

TEST(Bootstrap, RefusesToPairOtherDocuments) {
  EXPECT_THROW(paired_bootstrap(documents(3, 1, 0), documents(4, 1, 0), perplexity_of), Error);
}

Results some_results() {
  const std::vector<std::string> domains = {"general", "law"};
  const DomainScores good = {{"general", documents(10, 2, 0.1)}, {"law", documents(10, 1, 0.1)}};
  const DomainScores bad = {{"general", documents(10, 3, 0.1)}, {"law", documents(10, 2, 0.1)}};
  Results results{domains, {{"seed", "seed", {1'000'000, 500'000}, 4096, 8192, 1.5, 2e9, {}, {}, 0, 0},
                            {"law", "branch", {10, 10}, 1, 2, 3, 4, {}, {}, 0, 0}}, {}};
  add_scores(results.models[0], domains, bad);
  add_scores(results.models[1], domains, good);
  results.differences = differences_of(results.models, domains, {bad, good});
  return results;
}

TEST(Results, AveragesAreArithmeticAndGeometric) {
  const Results results = some_results();
  EXPECT_NEAR(results.models[0].average, (std::exp(3.0) + std::exp(2.0)) / 2, 1e-9);
  EXPECT_NEAR(results.models[0].geometric_mean, std::exp(2.5), 1e-9);
}

TEST(Results, ComeBackFromTheFile) {
  const TemporaryFolder folder;
  const Results results = some_results();
  write_results(folder / "results.json", results);
  const Results again = read_results(folder / "results.json");
  write_results(folder / "again.json", again);
  EXPECT_EQ(read_file(folder / "results.json"), read_file(folder / "again.json"));
  ASSERT_EQ(again.differences.size(), 2U);
  EXPECT_EQ(again.differences[1].domain, "law");
  EXPECT_NEAR(again.differences[0].perplexity.value, std::exp(3.0) - std::exp(2.0), 1e-9);
}

TEST(Results, ComplaintsNameTheFile) {
  const TemporaryFolder folder;
  write_file(folder / "scores.json", R"({"domains": {"law": {"documents": [{"nll": 1}]}}})");
  EXPECT_THROW(read_scores(folder / "scores.json"), BadInput);
  write_file(folder / "scores.json", "not json");
  EXPECT_THROW(read_scores(folder / "scores.json"), BadInput);
}

TEST(ResultsTable, ShowsTitlesAndCosts) {
  const Table table = perplexity_table(some_results(), {{"seed", "the seed"}});
  ASSERT_EQ(table.size(), 3U);
  EXPECT_EQ(table[1][0], "the seed");
  EXPECT_EQ(table[1][4], "1.0 M");
  EXPECT_EQ(table[2][0], "law");
  EXPECT_NE(text_of(table).find("the seed"), std::string::npos);
}

TEST(ShortNumber, CountsInThousands) {
  EXPECT_EQ(short_number(0), "0");
  EXPECT_EQ(short_number(999), "999");
  EXPECT_EQ(short_number(1000), "1.0 k");
  EXPECT_EQ(short_number(999'999), "1.0 M");
  EXPECT_EQ(short_number(4.9e13), "49.0 T");
}

}  // namespace
}  // namespace bam
