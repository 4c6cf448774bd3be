#include "runtime/random.h"

#include <bit>
#include <cmath>
#include <numbers>

#include "runtime/check.h"
#include "runtime/host.h"

namespace bam {
namespace {

using Block = std::array<std::uint32_t, 4>;

// One round of Philox4x32: two 32 x 32 bit products, their halves crossed.
Block round(const Block& c, std::uint32_t key0, std::uint32_t key1) {
  const std::uint64_t a = 0xD2511F53ULL * c[0];
  const std::uint64_t b = 0xCD9E8D57ULL * c[2];
  return {static_cast<std::uint32_t>(b >> 32) ^ c[1] ^ key0, static_cast<std::uint32_t>(b),
          static_cast<std::uint32_t>(a >> 32) ^ c[3] ^ key1, static_cast<std::uint32_t>(a)};
}

// FNV-1a, 64 bits.
std::uint64_t hash_of(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : name) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  }
  return hash;
}

std::uint64_t mix(std::uint64_t x) {  // SplitMix64's finaliser
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key) {
  for (int i = 0; i < 10; ++i) {
    counter = round(counter, key[0], key[1]);
    key[0] += 0x9E3779B9U;
    key[1] += 0xBB67AE85U;
  }
  return counter;
}

Random::Random(std::uint64_t seed, std::string_view name)
    : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
      name_hash_(hash_of(name)) {}

std::array<std::uint32_t, 4> Random::block(std::uint64_t counter) const {
  return philox4x32(
      {static_cast<std::uint32_t>(counter), static_cast<std::uint32_t>(counter >> 32),
       static_cast<std::uint32_t>(name_hash_), static_cast<std::uint32_t>(name_hash_ >> 32)},
      key_);
}

std::uint64_t Random::word64(std::uint64_t index) const {
  const Block words = block(index / 2);
  const std::size_t half = 2 * (index % 2);
  return std::uint64_t{words[half + 1]} << 32 | words[half];
}

double Random::uniform(std::uint64_t index) const {
  return static_cast<double>(word64(index) >> 11) * 0x1p-53;
}

namespace {

void draw_normal(const Random& random, double deviation, std::int64_t first, float* values,
                 std::int64_t count) {
#pragma omp parallel for schedule(static)
  for (std::int64_t i = 0; i < count; ++i) {
    const auto position = static_cast<std::uint64_t>(first + i);
    const double radius = std::sqrt(-2.0 * std::log(1.0 - random.uniform(2 * (position / 2))));
    const double angle = 2.0 * std::numbers::pi * random.uniform(2 * (position / 2) + 1);
    const double unit = position % 2 == 0 ? std::cos(angle) : std::sin(angle);
    values[i] = static_cast<float>(deviation * radius * unit);
  }
}

}  // namespace

// A GPU gets its values from the host, so that they are the CPU's to the last bit.
void fill_normal(Stream& stream, const Random& random, double deviation, std::int64_t first,
                 const Tensor& out) {
  if (out.is_on_host()) {
    draw_normal(random, deviation, first, out.data<float>(), out.elements());
    return;
  }
  std::vector<float> drawn(static_cast<std::size_t>(out.elements()));
  draw_normal(random, deviation, first, drawn.data(), out.elements());
  to_device(stream, drawn, out);
}

Permutation::Permutation(const Random& random, std::uint64_t epoch, std::uint64_t size)
    : size_(size), half_bits_(static_cast<int>((std::bit_width(size > 1 ? size - 1 : 1) + 1) / 2)) {
  check(size > 0, "permutation of nothing");
  for (std::uint64_t i = 0; i < keys_.size(); ++i) {
    keys_[i] = random.word64(epoch * keys_.size() + i);
  }
}

std::uint64_t Permutation::operator()(std::uint64_t index) const {
  const std::uint64_t mask = (std::uint64_t{1} << half_bits_) - 1;
  do {  // the network permutes a power of four; walk until the value is in range
    std::uint64_t left = index >> half_bits_;
    std::uint64_t right = index & mask;
    for (const std::uint64_t key : keys_) {
      const std::uint64_t next = left ^ (mix(right + key) & mask);
      left = right;
      right = next;
    }
    index = left << half_bits_ | right;
  } while (index >= size_);
  return index;
}

}  // namespace bam
