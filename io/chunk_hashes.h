#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/content_hash.h"

namespace bam {

/// Hashes bytes that come in pieces, chunk by chunk.
class ChunkHasher {
 public:
  explicit ChunkHasher(std::int64_t chunk_bytes) : chunk_bytes_(chunk_bytes) {}

  void update(std::span<const std::byte> bytes);
  /// Of every chunk so far; the last may be shorter.
  std::vector<Hash128> digests() const;

 private:
  std::int64_t chunk_bytes_;
  std::int64_t filled_ = 0;  // bytes of the chunk that is open
  ContentHash open_;
  std::vector<Hash128> closed_;
};

/// Bytes that lie in memory or are mapped there, of which a chunk is checked when it is first used:
/// nothing damaged is used, and nothing is read that is not. Several threads may use it.
class CheckedBytes {
 public:
  /// Throws BadInput, naming `what`, unless there is a hash for each chunk. The bytes outlive it.
  CheckedBytes(std::span<const std::byte> bytes, std::int64_t chunk_bytes,
               std::vector<Hash128> hashes, std::string what);

  /// The bytes [begin, end), checked. Throws BadInput, naming `what` and the chunk, where one
  /// differs from its hash.
  std::span<const std::byte> at(std::int64_t begin, std::int64_t end) const;

 private:
  void check_chunk(std::int64_t chunk) const;

  std::span<const std::byte> bytes_;
  std::int64_t chunk_bytes_;
  std::vector<Hash128> hashes_;
  std::string what_;
  std::unique_ptr<std::atomic<bool>[]> is_checked_;  // by chunk
};

}  // namespace bam
