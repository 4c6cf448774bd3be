#include "io/near_duplicates.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>
#include <tuple>
#include <vector>

#include "io/content_hash.h"

namespace bam {
namespace {

constexpr std::size_t kShingleWords = 5;
constexpr std::size_t kRowsOfBand = 4;
constexpr std::size_t kFunctions = std::tuple_size_v<Bands> * kRowsOfBand;

std::uint64_t hash64(std::string_view text) {
  const Hash128 hash = hash_of(text);
  std::uint64_t word = 0;
  std::memcpy(&word, hash.data(), sizeof word);
  return word;
}

/// SplitMix64's finaliser (Steele et al. 2014): a bijection that mixes all bits.
constexpr std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

/// Odd factors, one a MinHash function.
constexpr auto kFactors = [] {
  std::array<std::uint64_t, kFunctions> factors{};
  for (std::size_t f = 0; f < kFunctions; ++f) {
    factors[f] = mixed(f + 1) | 1U;
  }
  return factors;
}();

std::vector<std::uint64_t> word_hashes(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n\f\v";
  std::vector<std::uint64_t> words;
  for (std::size_t at = text.find_first_not_of(kBlank); at != text.npos;) {
    const std::size_t end = std::min(text.find_first_of(kBlank, at), text.size());
    words.push_back(hash64(text.substr(at, end - at)));
    at = text.find_first_not_of(kBlank, end);
  }
  return words;
}

std::uint64_t shingle_of(std::span<const std::uint64_t> words) {
  std::uint64_t shingle = 0;
  for (const std::uint64_t word : words) {
    shingle = mixed(shingle + word);
  }
  return shingle;
}

bool any_in(const Bands& bands, const std::unordered_set<std::uint64_t>& set) {
  return std::ranges::any_of(bands, [&](std::uint64_t band) { return set.contains(band); });
}

}  // namespace

Bands bands_of(std::string_view text) {
  std::array<std::uint64_t, kFunctions> least;
  least.fill(~std::uint64_t{0});
  const std::vector<std::uint64_t> words = word_hashes(text);
  const std::size_t length = std::min(kShingleWords, words.size());
  for (std::size_t i = 0; i + length <= words.size() && length > 0; ++i) {
    const std::uint64_t shingle = shingle_of(std::span(words).subspan(i, length));
    for (std::size_t f = 0; f < kFunctions; ++f) {
      least[f] = std::min(least[f], mixed(shingle * kFactors[f] + f));
    }
  }
  Bands bands;
  for (std::size_t band = 0; band < bands.size(); ++band) {
    bands[band] = mixed(band) + shingle_of(std::span(least).subspan(band * kRowsOfBand, kRowsOfBand));
  }
  return bands;
}

void NearDuplicates::candidate(const Bands& bands) {
  candidates_.insert(bands.begin(), bands.end());
}

void NearDuplicates::training(const Bands& bands) {
  for (const std::uint64_t band : bands) {
    if (candidates_.contains(band)) {
      in_training_.insert(band);
    }
  }
}

Side NearDuplicates::place(const Bands& bands) {
  if (any_in(bands, in_validation_)) {
    return Side::kNeither;
  }
  if (any_in(bands, in_training_)) {
    in_training_.insert(bands.begin(), bands.end());
    return Side::kTrain;
  }
  in_validation_.insert(bands.begin(), bands.end());
  return Side::kValidation;
}

bool drawn_for_validation(std::string_view text, double share) {
  return std::ldexp(static_cast<double>(hash64(text) >> 11), -53) < share;
}

}  // namespace bam
