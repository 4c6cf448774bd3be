#include "runtime/routing_tally.h"

#include <bit>

#include "runtime/elementwise.h"
#include "runtime/host.h"

namespace bam {
namespace {

RoutingSums sums_of_none(std::int64_t experts, std::int64_t pairs) {
  RoutingSums sums;
  sums.chosen.resize(static_cast<std::size_t>(experts));
  sums.gates.resize(static_cast<std::size_t>(experts));
  sums.pairs.resize(static_cast<std::size_t>(pairs));
  return sums;
}

// Takes one double after another out of the words that carry them.
class Numbers {
 public:
  explicit Numbers(std::span<const std::int32_t> words) : words_(words) {}

  double next() {
    const auto low = static_cast<std::uint32_t>(words_[0]);
    const auto high = static_cast<std::uint32_t>(words_[1]);
    words_ = words_.subspan(2);
    return std::bit_cast<double>(std::uint64_t{high} << 32 | low);
  }
  void fill(std::vector<double>& values) {
    for (double& value : values) {
      value = next();
    }
  }

 private:
  std::span<const std::int32_t> words_;
};

}  // namespace

void RoutingTally::add(Stream& stream, const Tensor& probabilities, const Tensor& log_sums,
                       const Tensor& choices, std::int64_t length, Pairs pairs) {
  const std::int64_t experts = probabilities.cols();
  const std::int64_t pair_count = pairs == Pairs::kCounted ? experts * (experts - 1) / 2 : 0;
  const std::int64_t spans = length == 0 ? 0 : probabilities.rows() / length;
  const Tensor numbers(stream, {spans, 2 * routing_number_count(experts, pair_count)},
                       DType::kInt32);
  routing_numbers(stream, probabilities, log_sums, choices, pair_count, numbers);
  added_.push_back({experts, pair_count, length, numbers});
}

// The numbers of all routers, one after another, on the host.
std::vector<std::int32_t> RoutingTally::words(Stream& stream) const {
  std::int64_t size = 0;
  for (const Added& added : added_) {
    size += added.numbers.elements();
  }
  if (size == 0) {
    return {};
  }
  const Tensor all(stream, {size}, DType::kInt32);
  std::int64_t begin = 0;
  for (const Added& added : added_) {
    const std::int64_t end = begin + added.numbers.elements();
    copy(stream, added.numbers.reshape({end - begin}), all.slice(begin, end));
    begin = end;
  }
  return to_host<std::int32_t>(stream, all);
}

std::vector<RoutingTally::Counted> RoutingTally::read(Stream& stream) const {
  const std::vector<std::int32_t> found = words(stream);
  Numbers numbers(found);
  std::vector<Counted> counted;
  for (const Added& added : added_) {
    counted.push_back({sums_of_none(added.experts, added.pairs), {}});
    for (std::int64_t span = 0; span < added.numbers.rows(); ++span) {
      RoutingSums sums = counted.back().none;
      numbers.fill(sums.chosen);
      numbers.fill(sums.gates);
      sums.entropy = numbers.next();
      sums.squared_log_sum = numbers.next();
      numbers.fill(sums.pairs);
      sums.tokens = static_cast<double>(added.length);
      counted.back().spans.push_back(std::move(sums));
    }
  }
  return counted;
}

}  // namespace bam
