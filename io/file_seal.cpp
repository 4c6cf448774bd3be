#include "io/file_seal.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <span>

#include "io/content_hash.h"
#include "io/mapped_file.h"
#include "runtime/check.h"

namespace bam {
namespace {

struct Seal {
  std::array<char, 8> mark = {'B', 'A', 'M', 'S', 'E', 'A', 'L', '1'};
  std::uint64_t file_bytes = 0;  // the seal's included
  std::array<ByteRange, 2> unhashed;
  Hash128 hash{};
};
static_assert(sizeof(Seal) == 64);

/// The hash of `file`'s bytes before the seal and outside its ranges, and of the seal's own fields.
Hash128 hash_under(const Seal& seal, std::span<const std::byte> file) {
  ContentHash hash;
  std::uint64_t at = 0;
  for (const ByteRange& range : seal.unhashed) {
    hash.update(file.subspan(at, range.begin - at));
    at = range.end;
  }
  hash.update(file.subspan(at, seal.file_bytes - sizeof(Seal) - at));
  hash.update(std::as_bytes(std::span(&seal, 1)).first(sizeof(Seal) - sizeof(Hash128)));
  return hash.digest();
}

bool ranges_fit(const Seal& seal) {
  const auto& [first, second] = seal.unhashed;
  return first.begin <= first.end && first.end <= second.begin && second.begin <= second.end &&
         second.end <= seal.file_bytes - sizeof(Seal);
}

std::span<const std::byte> bytes_of(const MappedFile& file) {
  return {file.data(), static_cast<std::size_t>(file.size())};
}

}  // namespace

void seal_file(const std::filesystem::path& path, std::vector<ByteRange> unhashed) {
  Seal seal;
  check(unhashed.size() <= seal.unhashed.size(), path.string(), ": too many ranges to seal");
  std::ranges::sort(unhashed, {}, &ByteRange::begin);
  std::ranges::copy_backward(unhashed, seal.unhashed.end());
  const MappedFile file(path);
  seal.file_bytes = static_cast<std::uint64_t>(file.size()) + sizeof(Seal);
  check(ranges_fit(seal), path.string(), ": ranges to seal that overlap or leave the file");
  seal.hash = hash_under(seal, bytes_of(file));
  std::ofstream out(path, std::ios::binary | std::ios::app);
  out.write(reinterpret_cast<const char*>(&seal), sizeof seal);
  out.close();
  check(!out.fail(), path.string(), ": cannot be written");
}

void check_seal(const std::filesystem::path& path) {
  const MappedFile file(path);
  Seal seal;
  const bool long_enough = file.size() >= static_cast<std::int64_t>(sizeof(Seal));
  if (long_enough) {
    std::memcpy(&seal, file.data() + file.size() - sizeof(Seal), sizeof(Seal));
  }
  check_input(long_enough && seal.mark == Seal().mark, path.string(),
              ": not a token data set, or truncated (its last bytes are no seal)");
  check_input(seal.file_bytes == static_cast<std::uint64_t>(file.size()) && ranges_fit(seal),
              path.string(), ": damaged: expected ", seal.file_bytes, " bytes, found ",
              file.size());
  const Hash128 found = hash_under(seal, bytes_of(file));
  check_input(found == seal.hash, path.string(), ": damaged: expected hash ", hex_of(seal.hash),
              " outside its tokens, found ", hex_of(found));
}

}  // namespace bam
