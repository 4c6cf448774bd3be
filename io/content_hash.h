#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace bam {

/// An XXH3-128 hash in its canonical byte order.
using Hash128 = std::array<std::byte, 16>;

/// XXH3-128 of bytes that come in pieces.
class ContentHash {
 public:
  ContentHash();
  ContentHash(ContentHash&&) noexcept;
  ContentHash& operator=(ContentHash&&) noexcept;
  ~ContentHash();

  void update(std::span<const std::byte> bytes);
  /// Of everything so far.
  Hash128 digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Hash128 hash_of(std::span<const std::byte> bytes);
Hash128 hash_of(std::string_view text);
/// 32 lower-case hexadecimal digits.
std::string hex_of(const Hash128& hash);
/// The hash whose hex_of the text is; nothing where there is none.
std::optional<Hash128> hash_from_hex(std::string_view text);

}  // namespace bam
