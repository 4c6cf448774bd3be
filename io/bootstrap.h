#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace bam {

/// What a model made of one document.
struct DocumentScore {
  double nll = 0;           // sum over its scored tokens, nats
  std::int64_t tokens = 0;  // scored
  std::int64_t bytes = 0;   // of text that those tokens stand for
};

/// A value and its 95 % interval.
struct Interval {
  double value = 0;
  double low = 0;
  double high = 0;
};

/// exp(nats per token) over all documents; throws Error without a scored token.
double perplexity_of(std::span<const DocumentScore> documents);
/// Bits per byte of text over all documents; throws Error without a byte.
double bits_per_byte_of(std::span<const DocumentScore> documents);

/// A statistic of some documents.
using Statistic = double (*)(std::span<const DocumentScore>);

/// Intervals by the percentile bootstrap over documents (Efron 1979; 2.5 % and 97.5 % of the
/// resampled statistics). The draws depend on the number of documents alone, so that two models'
/// statistics of the same documents are resampled together.
inline constexpr int kResamples = 2000;
Interval bootstrap(std::span<const DocumentScore> documents, Statistic statistic);

/// statistic(a) - statistic(b), both over the same resampled documents each time. Throws Error where
/// the documents are not the same.
Interval paired_bootstrap(std::span<const DocumentScore> a, std::span<const DocumentScore> b,
                          Statistic statistic);

}  // namespace bam
