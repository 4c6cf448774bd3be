#include "io/chunk_hashes.h"

#include <gtest/gtest.h>

#include "runtime/check.h"

namespace bam {
namespace {

constexpr std::int64_t kChunk = 8;

std::vector<std::byte> made_bytes(std::size_t count) {
  std::vector<std::byte> bytes(count);
  for (std::size_t i = 0; i < count; ++i) {
    bytes[i] = static_cast<std::byte>(7 * i + 3);
  }
  return bytes;
}

std::vector<Hash128> hashes_of(const std::vector<std::byte>& bytes) {
  ChunkHasher hasher(kChunk);
  hasher.update(bytes);
  return hasher.digests();
}

TEST(ChunkHasher, HashesEachChunkHoweverTheBytesCome) {
  const std::vector<std::byte> bytes = made_bytes(21);
  const std::vector<Hash128> whole = hashes_of(bytes);
  ASSERT_EQ(whole.size(), 3U);
  const std::span<const std::byte> all(bytes);
  EXPECT_EQ(whole[0], hash_of(all.first(8)));
  EXPECT_EQ(whole[2], hash_of(all.subspan(16)));
  ChunkHasher pieces(kChunk);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    pieces.update(all.subspan(at, 3));
  }
  EXPECT_EQ(pieces.digests(), whole);
  EXPECT_TRUE(ChunkHasher(kChunk).digests().empty());
  EXPECT_EQ(hashes_of(made_bytes(16)).size(), 2U);
}

TEST(CheckedBytes, OnlyWhatIsUsedIsChecked) {
  std::vector<std::byte> bytes = made_bytes(21);
  const std::vector<Hash128> hashes = hashes_of(bytes);
  bytes[9] = std::byte{0};
  const CheckedBytes checked(bytes, kChunk, hashes, "file: tokens");
  EXPECT_EQ(checked.at(2, 8).size(), 6U);
  EXPECT_EQ(checked.at(16, 21)[4], bytes[20]);
  EXPECT_EQ(checked.at(8, 8).size(), 0U);
  try {
    checked.at(7, 9);
    FAIL();
  } catch (const BadInput& error) {
    const std::string text = error.what();
    EXPECT_EQ(text.rfind("file: tokens: damaged: expected hash ", 0), 0U) << text;
    EXPECT_NE(text.find(" of its bytes from 8 to 16, found "), std::string::npos) << text;
  }
  EXPECT_THROW(checked.at(15, 16), BadInput);
}

TEST(CheckedBytes, AHashIsThereForEachChunk) {
  const std::vector<std::byte> bytes = made_bytes(21);
  std::vector<Hash128> hashes = hashes_of(bytes);
  hashes.pop_back();
  EXPECT_THROW(CheckedBytes(bytes, kChunk, hashes, "x"), BadInput);
  EXPECT_NO_THROW(CheckedBytes({}, kChunk, {}, "x"));
}

TEST(HashFromHex, IsTheOtherWayRound) {
  const Hash128 hash = hash_of("text");
  EXPECT_EQ(hash_from_hex(hex_of(hash)), hash);
  for (const char* wrong :
       {"", "none", "0123456789abcdef0123456789abcdeg", "0123456789ABCDEF0123456789ABCDEF",
        "0123456789abcdef0123456789abcdef0"}) {
    EXPECT_EQ(hash_from_hex(wrong), std::nullopt) << wrong;
  }
}

}  // namespace
}  // namespace bam
