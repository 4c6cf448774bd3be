#pragma once

#include <array>
#include <cstdio>
#include <memory>
#include <vector>

#include "io/chunk_hashes.h"
#include "io/token_data.h"

namespace bam {

inline constexpr std::int64_t kTokenDataVersion = 1;
inline constexpr std::int64_t kTokenChunkBytes = std::int64_t{1} << 16;
inline constexpr std::int64_t kLargestVocabulary = std::int64_t{1} << 31;

/// uint16 where every id of the vocabulary fits, else uint32.
constexpr FileType token_type(std::int64_t vocabulary) {
  return vocabulary <= 65536 ? FileType::kUint16 : FileType::kUint32;
}

/// Writes one domain's tokens. Tokens wait in files beside the target, so memory holds 16 bytes a
/// document; the target appears whole, at finish(), or not at all.
///
///   /@version @domain @vocabulary @bos @eos @tokenizer_hash
///   /train/@tokens @documents @bytes, and /validation/ alike
///     tokens            uint16 or uint32 (tokens)       @hash: XXH3-128, hexadecimal
///     chunk_hashes      uint64 (2 chunks)               @chunk_bytes: XXH3-128 of each 64 KiB of tokens
///     document_offsets  uint64 (documents + 1)          @hash
///     document_bytes    uint64 (documents)              @hash
///   and, after the end of the HDF5 file, a seal over all but the tokens (io/file_seal.h)
class TokenDataWriter {
 public:
  TokenDataWriter(std::filesystem::path path, TokenDataInfo info);
  TokenDataWriter(const TokenDataWriter&) = delete;
  TokenDataWriter& operator=(const TokenDataWriter&) = delete;
  ~TokenDataWriter();

  /// Adds BOS ids... EOS, the encoding of `bytes` bytes of text. Throws Error where an id is not
  /// below the vocabulary, or the disk is full.
  void append(Split split, std::span<const std::int32_t> ids, std::int64_t bytes);
  std::int64_t tokens(Split split) const;
  std::int64_t documents(Split split) const;
  /// Throws BadInput where there are no training documents, Error where writing fails.
  void finish();

 private:
  struct Part {
    std::filesystem::path spill_path;
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> spill{nullptr, &std::fclose};
    ContentHash hash;
    ChunkHasher chunks{kTokenChunkBytes};
    std::vector<std::uint64_t> offsets = {0};
    std::vector<std::uint64_t> bytes;
  };

  Part& of(Split split) { return parts_[static_cast<std::size_t>(split)]; }
  const Part& of(Split split) const { return parts_[static_cast<std::size_t>(split)]; }
  void write_ids(Part& part, std::span<const std::int32_t> ids);
  DataSetLayout write_part(Hdf5File& file, Split split);
  void copy_tokens(Part& part, const DataSetLayout& layout, int target) const;

  std::filesystem::path path_;
  std::filesystem::path partial_path_;
  TokenDataInfo info_;
  std::array<Part, 2> parts_;
};

}  // namespace bam
