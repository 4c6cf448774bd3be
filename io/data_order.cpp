#include "io/data_order.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "runtime/check.h"

namespace bam {
namespace {

void check_domain(const DomainWindows& domain) {
  check_input(std::isfinite(domain.share) && domain.share > 0, "data.domains: domain ",
              domain.name, ": share ", domain.share, " is not positive");
  check_input(domain.windows > 0, "data.domains: domain ", domain.name,
              ": fewer training tokens than data.sequence_length + 1");
}

/// The block dealt by largest remainder; of equal remainders the earlier domain's comes first.
std::vector<std::int64_t> quotas_of(const std::vector<DomainWindows>& domains) {
  double sum = 0;
  for (const DomainWindows& domain : domains) {
    check_domain(domain);
    sum += domain.share;
  }
  std::vector<std::int64_t> quotas;
  std::vector<double> remainders;
  for (const DomainWindows& domain : domains) {
    const double exact = domain.share / sum * static_cast<double>(DataOrder::kBlock);
    quotas.push_back(static_cast<std::int64_t>(exact));
    remainders.push_back(exact - std::floor(exact));
  }
  std::vector<std::size_t> order(domains.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(
      order, [&](std::size_t a, std::size_t b) { return remainders[a] > remainders[b]; });
  const std::int64_t left =
      DataOrder::kBlock - std::reduce(quotas.begin(), quotas.end(), std::int64_t{0});
  for (std::int64_t i = 0; i < left; ++i) {
    ++quotas[order[static_cast<std::size_t>(i) % order.size()]];
  }
  return quotas;
}

}  // namespace

DataOrder::DataOrder(std::uint64_t seed, std::int64_t sequences_per_step,
                     std::vector<DomainWindows> domains)
    : domains_(std::move(domains)),
      block_random_(seed, "data/blocks"),
      sequences_per_step_(sequences_per_step) {
  check_input(!domains_.empty(), "data.domains: at least one domain is needed");
  check_input(sequences_per_step > 0, "training.sequences_per_step: expected more than 0, found ",
              sequences_per_step);
  quotas_ = quotas_of(domains_);
  for (std::size_t i = 0; i < domains_.size(); ++i) {
    check_input(quotas_[i] > 0, "data.domains: domain ", domains_[i].name, ": share ",
                domains_[i].share, " is less than one sequence in ", kBlock);
    window_randoms_.emplace_back(seed, "data/windows/" + domains_[i].name);
  }
}

Draw DataOrder::draw(std::int64_t step, std::int64_t sequence) const {
  const std::int64_t index = step * sequences_per_step_ + sequence;
  const std::int64_t block = index / kBlock;
  const Permutation places(block_random_, static_cast<std::uint64_t>(block), kBlock);
  auto place = static_cast<std::int64_t>(places(static_cast<std::uint64_t>(index % kBlock)));
  std::size_t domain = 0;
  while (place >= quotas_[domain]) {
    place -= quotas_[domain];
    ++domain;
  }
  const std::int64_t nth = block * quotas_[domain] + place;  // draw of the domain
  const std::int64_t windows = domains_[domain].windows;
  const Permutation shuffled(window_randoms_[domain], static_cast<std::uint64_t>(nth / windows),
                             static_cast<std::uint64_t>(windows));
  const std::uint64_t window = shuffled(static_cast<std::uint64_t>(nth % windows));
  return {static_cast<int>(domain), static_cast<std::int64_t>(window)};
}

}  // namespace bam
