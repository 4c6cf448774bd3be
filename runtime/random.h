#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "runtime/tensor.h"

namespace bam {

/// Ten rounds of Philox4x32 (Salmon et al., SC11).
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key);

/// A stateless source of random numbers: Philox4x32-10 keyed by a seed and a
/// name, counted by position, so that element i is the same wherever and whenever it is drawn.
class Random {
 public:
  Random(std::uint64_t seed, std::string_view name);

  /// Four words of block `counter`.
  std::array<std::uint32_t, 4> block(std::uint64_t counter) const;
  /// Word number `index`, and the same as a double in [0, 1) of 53 bits from two words.
  std::uint64_t word64(std::uint64_t index) const;
  double uniform(std::uint64_t index) const;

 private:
  std::array<std::uint32_t, 2> key_;
  std::uint64_t name_hash_;
};

/// out[i] = N(0, deviation^2), element i of `random` at position first + i (Box-Muller). fp32.
void fill_normal(Stream& stream, const Random& random, double deviation, std::int64_t first,
                 const Tensor& out);

/// Seeded bijection of [0, size): a Feistel network with cycle walking. Constant memory.
class Permutation {
 public:
  Permutation(const Random& random, std::uint64_t epoch, std::uint64_t size);
  std::uint64_t operator()(std::uint64_t index) const;

 private:
  std::array<std::uint64_t, 4> keys_;
  std::uint64_t size_;
  int half_bits_;
};

}  // namespace bam
