#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/content_hash.h"
#include "io/hdf5_file.h"

namespace bam {

enum class Split : std::uint8_t { kTrain, kValidation };

/// "train" or "validation".
std::string_view name_of(Split split);
/// Its group in the file: "/train" or "/validation".
std::string group_of(Split split);

/// What a token data set says of itself.
struct TokenDataInfo {
  std::string domain;
  std::int64_t vocabulary = 0;
  std::int32_t bos = 0;
  std::int32_t eos = 0;
  std::string tokenizer_hash;  // XXH3-128 of the SentencePiece model, hexadecimal
};

class CheckedBytes;
class MappedFile;

/// The tokens of one domain, read from the file TokenDataWriter makes: each split is one stream of
/// documents, BOS ... EOS. Tokens are checked against the hashes of their chunks when they are first
/// read, everything else when the file is opened. Copies share the file's mapping.
class TokenData {
 public:
  /// Throws BadInput, naming file and field, unless the file is whole and holds training tokens.
  static TokenData open(const std::filesystem::path& path);

  const TokenDataInfo& info() const { return info_; }
  const std::filesystem::path& path() const { return path_; }

  std::int64_t file_bytes() const;
  std::int64_t tokens(Split split) const { return of(split).tokens; }
  std::int64_t documents(Split split) const { return of(split).documents; }

  /// Tokens [begin, begin + out.size()) of the stream. Throws BadInput where they are damaged or an id
  /// is not below the vocabulary, Error where the range is not in the stream.
  void read(Split split, std::int64_t begin, std::span<std::int32_t> out) const;
  std::int32_t token(Split split, std::int64_t index) const;

  /// First token of a document; document_offset(documents()) is tokens().
  std::int64_t document_offset(Split split, std::int64_t document) const;
  /// Bytes of a document's text in UTF-8.
  std::int64_t document_bytes(Split split, std::int64_t document) const;
  /// The document that a token belongs to.
  std::int64_t document_of(Split split, std::int64_t token) const;

  /// Reads everything: throws BadInput, naming the data set, where a hash, an id or the documents'
  /// offsets are wrong.
  void verify() const;
  void verify(Split split) const;
  /// One hash for all the tokens, hexadecimal: changes when the data do.
  std::string content_hash() const;

 private:
  struct Part {
    DataSetLayout token_layout, offset_layout, byte_layout;
    std::int64_t tokens = 0;
    std::int64_t documents = 0;
    std::string token_hash, offset_hash, byte_hash;
    std::int64_t chunk_bytes = 0;
    std::vector<Hash128> chunk_hashes;
    std::shared_ptr<const CheckedBytes> ids;  // the tokens as they are stored
  };

  TokenData() = default;
  static Part read_part(const Hdf5File& file, Split split, std::int64_t vocabulary);
  const Part& of(Split split) const { return split == Split::kTrain ? train_ : validation_; }
  void check_part(Split split) const;
  void map_ids(Split split);
  void verify_hash(const DataSetLayout& layout, const std::string& hash,
                   const std::string& what) const;
  template <class Stored>
  void copy_ids(const Part& part, std::int64_t begin, std::span<std::int32_t> out) const;
  std::int64_t number_at(const DataSetLayout& layout, std::int64_t index) const;

  std::filesystem::path path_;
  TokenDataInfo info_;
  Part train_, validation_;
  std::shared_ptr<const MappedFile> file_;
};

}  // namespace bam
