#include "parallel/planner/fillings.h"

#include <algorithm>
#include <numeric>

namespace bam {
namespace {

constexpr std::size_t kMostHalves = std::size_t{9} << 19;

using Halves = std::vector<std::vector<Filling>>;

/// Half fillings of every other expert from `first` on: how many there are.
std::size_t count_of(const std::vector<std::vector<int>>& copies, std::size_t first, int slots) {
  std::vector<std::size_t> counts(static_cast<std::size_t>(slots) + 1);  // [slots used]
  counts[0] = 1;
  for (std::size_t expert = first; expert < copies.size(); expert += 2) {
    for (std::size_t used = counts.size() - 1; used > 0; --used) {
      counts[used] += counts[used - 1] * copies[expert].size();
    }
  }
  return std::accumulate(counts.begin(), counts.end(), std::size_t{0});
}

Halves halves_of(const std::vector<double>& loads, const std::vector<std::vector<int>>& copies,
                 std::size_t first, int slots) {
  Halves halves(static_cast<std::size_t>(slots) + 1);
  halves[0].push_back({});
  for (std::size_t expert = first; expert < loads.size(); expert += 2) {
    const int at = static_cast<int>(expert);
    for (std::size_t used = halves.size() - 1; used > 0; --used) {
      for (const Filling& less : halves[used - 1]) {
        for (const int count : copies[expert]) {
          halves[used].push_back({less.copies | static_cast<std::uint64_t>(count) * digits::one(at),
                                  less.members | digits::mask(at),
                                  less.load + loads[expert] / count});
        }
      }
    }
  }
  for (auto& half : halves) {
    std::sort(half.begin(), half.end(), [](const Filling& a, const Filling& b) {
      return a.load != b.load ? a.load < b.load : a.copies < b.copies;
    });
  }
  return halves;
}

/// Adds the pairs of a half from each list whose loads add up to [low, high).
void join(const std::vector<Filling>& some, const std::vector<Filling>& others, double low,
          double high, std::size_t limit, std::vector<Filling>& found) {
  std::size_t begin = others.size();  // others[begin].load >= low - half.load
  for (const Filling& half : some) {
    while (begin > 0 && others[begin - 1].load + half.load >= low) {
      --begin;
    }
    for (std::size_t at = begin; at < others.size() && others[at].load + half.load < high; ++at) {
      if (found.size() == limit) {
        return;
      }
      found.push_back({half.copies | others[at].copies, half.members | others[at].members,
                       half.load + others[at].load});
    }
  }
}

}  // namespace

Fillings::Fillings(const std::vector<double>& loads, const std::vector<std::vector<int>>& copies,
                   int slots)
    : is_complete_(count_of(copies, 0, slots) + count_of(copies, 1, slots) <= kMostHalves) {
  if (is_complete_) {
    even_ = halves_of(loads, copies, 0, slots);
    odd_ = halves_of(loads, copies, 1, slots);
  }
}

std::int64_t Fillings::size() const {
  std::int64_t size = 0;
  for (const Halves* halves : {&even_, &odd_}) {
    for (const auto& half : *halves) {
      size += static_cast<std::int64_t>(half.size());
    }
  }
  return size;
}

std::vector<Filling> Fillings::between(double low, double high, std::size_t limit) const {
  std::vector<Filling> found;
  for (std::size_t slots = 0; slots < even_.size(); ++slots) {
    for (std::size_t others = 0; slots + others < odd_.size(); ++others) {
      join(even_[slots], odd_[others], low, high, limit, found);
    }
  }
  std::sort(found.begin(), found.end(), [](const Filling& a, const Filling& b) {
    return a.load != b.load ? a.load > b.load : a.copies < b.copies;
  });
  return found;
}

}  // namespace bam
