#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>

#include "io/open_file.h"

namespace bam {

/// A file that is written past the page cache wherever that can be: it costs the processor next to
/// nothing then, and leaves it to compute.
class UncachedFile {
 public:
  /// What memory and file are divided into. Bytes go past the cache where they lie at the same
  /// place in a block of memory as in a block of the file; blocks that are not whole go through it.
  static constexpr std::int64_t kBlock = 4096;

  /// The file need not exist.
  explicit UncachedFile(const std::filesystem::path& path);

  /// Throws Error (disk full and the like).
  void write(std::int64_t offset, std::span<const std::byte> bytes);
  /// Makes what was written last; throws Error.
  void sync() const { cached_.sync(); }
  /// The same file through the cache.
  const OpenFile& cached() const { return cached_; }

 private:
  /// Past the cache, from the first on; returns how many bytes went so.
  std::int64_t write_blocks(std::int64_t offset, std::span<const std::byte> blocks);

  OpenFile cached_;
  std::optional<OpenFile> direct_;  // where the file system has it
};

}  // namespace bam
