#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace bam {

/// Bytes [begin, end) of a file.
struct ByteRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// Appends 64 bytes to a file: a mark, its size and an XXH3-128 of everything but `unhashed` (at
/// most two ranges, whose hashes are kept elsewhere). The HDF5 library reads past the end of what
/// it wrote without complaint, but crashes on metadata with a flipped bit: check_seal comes first.
/// Throws Error where it cannot be written.
void seal_file(const std::filesystem::path& path, std::vector<ByteRange> unhashed);

/// Throws BadInput, naming the file, unless it is as seal_file left it outside the ranges.
void check_seal(const std::filesystem::path& path);

}  // namespace bam
