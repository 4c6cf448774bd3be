#pragma once

#include <cstdint>
#include <vector>

namespace bam {

/// Sixteen numbers below 16 in one word, one an expert.
namespace digits {
constexpr std::uint64_t kAll = 15;
constexpr std::uint64_t one(int expert) { return std::uint64_t{1} << (4 * expert); }
constexpr std::uint64_t mask(int expert) { return kAll << (4 * expert); }
constexpr int at(std::uint64_t word, int expert) {
  return static_cast<int>((word >> (4 * expert)) & kAll);
}
}  // namespace digits

/// What one rank may hold: some experts, and into how many copies each of them is divided.
struct Filling {
  std::uint64_t copies = 0;   // a digit an expert: its copies on all ranks; 0: not on this rank
  std::uint64_t members = 0;  // 15 for each expert on this rank
  double load = 0;
};

/// Fillings of a rank with up to so many slots. Kept as two lists of half fillings, sorted by load,
/// so that those in a narrow range of loads are found without going through all of them.
class Fillings {
 public:
  /// Of experts of these loads, each divided into one of its numbers of `copies`: [expert][choice],
  /// up to 16 experts and 15 copies.
  Fillings(const std::vector<double>& loads, const std::vector<std::vector<int>>& copies,
           int slots);

  /// False: there are too many to list, and none are.
  bool is_complete() const { return is_complete_; }
  /// Half fillings listed.
  std::int64_t size() const;
  /// Fillings of load in [low, high), heaviest first; at most `limit` of them.
  std::vector<Filling> between(double low, double high, std::size_t limit) const;

 private:
  using Halves = std::vector<std::vector<Filling>>;  // [slots used]

  bool is_complete_ = false;
  Halves even_, odd_;  // experts at even and at odd positions
};

}  // namespace bam
