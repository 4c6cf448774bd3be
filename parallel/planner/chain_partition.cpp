#include "parallel/planner/chain_partition.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace bam {
namespace {

using Set = std::uint32_t;  // a bit an expert

class Partition {
 public:
  Partition(const std::vector<double>& loads, int ranks, int slots)
      : experts_(static_cast<int>(loads.size())),
        ranks_(ranks),
        slots_(slots),
        load_(std::size_t{1} << loads.size()),
        needed_(load_.size()),
        fewest_(load_.size()),
        chain_(load_.size()) {
    for (Set set = 1; set < load_.size(); ++set) {
      load_[set] = load_[set & (set - 1)] + loads[static_cast<std::size_t>(std::countr_zero(set))];
    }
  }

  /// Whether all experts can be divided into chains of load per rank below `time`.
  bool fits_below(double time) {
    for (Set set = 1; set < load_.size(); ++set) {
      needed_[set] = ranks_needed(set, time);
    }
    // A division is built chain by chain, always by the one that holds the first expert left.
    for (Set set = 1; set < load_.size(); ++set) {
      const Set first = set & (~set + 1);
      const Set rest = set ^ first;
      fewest_[set] = ranks_ + 1;
      for (Set more = rest;; more = (more - 1) & rest) {
        const int used = needed_[more | first] + fewest_[rest ^ more];
        if (used < fewest_[set]) {
          fewest_[set] = used;
          chain_[set] = more | first;
        }
        if (more == 0) {
          break;
        }
      }
    }
    return fewest_.back() <= ranks_;
  }

  /// The chains of the division that was found last.
  std::vector<Chain> chains() const {
    std::vector<Chain> chains;
    for (Set set = static_cast<Set>(load_.size() - 1); set != 0; set ^= chain_[set]) {
      Chain chain{{}, needed_[chain_[set]], load_[chain_[set]]};
      for (int expert = 0; expert < experts_; ++expert) {
        if ((chain_[set] >> expert & 1) != 0) {
          chain.experts.push_back(expert);
        }
      }
      chains.push_back(chain);
    }
    return chains;
  }

 private:
  int ranks_needed(Set set, double time) const {
    const int count = std::popcount(set);
    if (slots_ == 1 && count > 1) {
      return ranks_ + 1;
    }
    const int for_slots = slots_ == 1 ? 1 : (count - 1 + slots_ - 2) / (slots_ - 1);
    const double for_load = std::floor(load_[set] / time) + 1;  // strictly below
    return std::min(ranks_ + 1,
                    std::max({1, for_slots, static_cast<int>(std::min(for_load, 1e6))}));
  }

  int experts_, ranks_, slots_;
  std::vector<double> load_;  // of a set
  std::vector<int> needed_;   // ranks, if the set is one chain
  std::vector<int> fewest_;   // ranks of the set divided best
  std::vector<Set> chain_;    // the chain of its first expert in that division
};

double longest(const std::vector<Chain>& chains) {
  double longest = 0;
  for (const Chain& chain : chains) {
    longest = std::max(longest, chain.load / chain.ranks);
  }
  return longest;
}

/// Ranks that no chain needs go where they help most.
void deal_rest(std::vector<Chain>& chains, int ranks) {
  for (const Chain& chain : chains) {
    ranks -= chain.ranks;
  }
  for (; ranks > 0; --ranks) {
    ++std::max_element(chains.begin(), chains.end(), [](const Chain& a, const Chain& b) {
        return a.load / a.ranks < b.load / b.ranks;
      })->ranks;
  }
}

}  // namespace

std::vector<Chain> best_chains(const std::vector<double>& loads, int ranks, int slots) {
  Partition partition(loads, ranks, slots);
  double total = 0;
  for (const double load : loads) {
    total += load;
  }
  std::vector<Chain> best;
  double low = total / ranks;
  double high = total * 2 + 1;  // every division is below
  while (best.empty() || high > low * (1 + 1e-12)) {
    // Halving comes close quickly; the last steps ask for anything better than the best.
    const double middle = (low + high) / 2;
    const double time = best.empty() || high - low < 1e-3 * low ? high * (1 - 1e-12) : middle;
    if (partition.fits_below(time)) {
      best = partition.chains();
      deal_rest(best, ranks);
      high = longest(best);
    } else {
      low = time == middle ? middle : high;
    }
  }
  return best;
}

}  // namespace bam
