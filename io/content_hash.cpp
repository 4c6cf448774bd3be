#include "io/content_hash.h"

#include <xxhash.h>

#include <charconv>
#include <cstring>

#include "runtime/check.h"

namespace bam {
namespace {

Hash128 canonical(XXH128_hash_t hash) {
  XXH128_canonical_t bytes;
  XXH128_canonicalFromHash(&bytes, hash);
  Hash128 out;
  std::memcpy(out.data(), bytes.digest, out.size());
  return out;
}

}  // namespace

struct ContentHash::State {
  XXH3_state_t* xxh = XXH3_createState();
  State() {
    check(xxh != nullptr, "no memory for a hash's state");
    XXH3_128bits_reset(xxh);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { XXH3_freeState(xxh); }
};

ContentHash::ContentHash() : state_(std::make_unique<State>()) {}
ContentHash::ContentHash(ContentHash&&) noexcept = default;
ContentHash& ContentHash::operator=(ContentHash&&) noexcept = default;
ContentHash::~ContentHash() = default;

void ContentHash::update(std::span<const std::byte> bytes) {
  XXH3_128bits_update(state_->xxh, bytes.data(), bytes.size());
}

Hash128 ContentHash::digest() const { return canonical(XXH3_128bits_digest(state_->xxh)); }

Hash128 hash_of(std::span<const std::byte> bytes) {
  return canonical(XXH3_128bits(bytes.data(), bytes.size()));
}

Hash128 hash_of(std::string_view text) {
  return hash_of(std::as_bytes(std::span(text.data(), text.size())));
}

std::string hex_of(const Hash128& hash) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : hash) {
    text += kDigits[std::to_integer<unsigned>(byte) >> 4];
    text += kDigits[std::to_integer<unsigned>(byte) & 15U];
  }
  return text;
}

std::optional<Hash128> hash_from_hex(std::string_view text) {
  Hash128 hash{};
  if (text.size() != 2 * hash.size()) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < hash.size(); ++i) {
    unsigned byte = 0;
    const std::string_view digits = text.substr(2 * i, 2);
    std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    hash[i] = static_cast<std::byte>(byte);
  }
  return hex_of(hash) == text ? std::optional(hash) : std::nullopt;
}

}  // namespace bam
