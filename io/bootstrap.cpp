#include "io/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>

#include "runtime/check.h"

namespace bam {
namespace {

DocumentScore sum_of(std::span<const DocumentScore> documents) {
  DocumentScore sum;
  for (const auto& document : documents) {
    sum.nll += document.nll;
    sum.tokens += document.tokens;
    sum.bytes += document.bytes;
  }
  return sum;
}

/// The statistic of each resample, in the order of the draws.
std::vector<double> resampled(std::span<const DocumentScore> documents, Statistic statistic) {
  std::mt19937_64 random(documents.size());
  std::vector<DocumentScore> drawn(documents.size());
  std::vector<double> values(kResamples);
  for (double& value : values) {
    for (auto& document : drawn) {
      document = documents[random() % documents.size()];
    }
    value = statistic(drawn);
  }
  return values;
}

/// Linear between order statistics.
double quantile(const std::vector<double>& sorted, double part) {
  const double position = part * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const auto above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], position - static_cast<double>(below));
}

Interval interval_of(double value, std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {value, quantile(values, 0.025), quantile(values, 0.975)};
}

}  // namespace

double perplexity_of(std::span<const DocumentScore> documents) {
  const DocumentScore sum = sum_of(documents);
  check(sum.tokens > 0, "perplexity of ", documents.size(), " documents without a scored token");
  return std::exp(sum.nll / static_cast<double>(sum.tokens));
}

double bits_per_byte_of(std::span<const DocumentScore> documents) {
  const DocumentScore sum = sum_of(documents);
  check(sum.bytes > 0, "bits per byte of ", documents.size(), " documents without a byte");
  return sum.nll / std::numbers::ln2 / static_cast<double>(sum.bytes);
}

Interval bootstrap(std::span<const DocumentScore> documents, Statistic statistic) {
  return interval_of(statistic(documents), resampled(documents, statistic));
}

Interval paired_bootstrap(std::span<const DocumentScore> a, std::span<const DocumentScore> b,
                          Statistic statistic) {
  const auto same = [](const DocumentScore& x, const DocumentScore& y) {
    return x.tokens == y.tokens && x.bytes == y.bytes;
  };
  check(std::equal(a.begin(), a.end(), b.begin(), b.end(), same),
        "two models were not evaluated on the same documents (", a.size(), " and ", b.size(), ")");
  std::vector<double> differences = resampled(a, statistic);
  const std::vector<double> subtrahends = resampled(b, statistic);
  std::transform(differences.begin(), differences.end(), subtrahends.begin(), differences.begin(),
                 std::minus<>());
  return interval_of(statistic(a) - statistic(b), std::move(differences));
}

}  // namespace bam
