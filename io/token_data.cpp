#include "io/token_data.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "io/chunk_hashes.h"
#include "io/file_seal.h"
#include "io/mapped_file.h"
#include "io/token_data_writer.h"
#include "runtime/check.h"

namespace bam {

static_assert(std::endian::native == std::endian::little, "the files are little-endian");

namespace {

constexpr std::int64_t kLargestChunk = std::int64_t{1} << 30;  // bytes

std::vector<Hash128> chunk_hashes_in(const Hdf5File& file, const std::string& name) {
  const std::vector<std::uint64_t> stored = file.read<std::uint64_t>(name);
  std::vector<Hash128> hashes(stored.size() * sizeof(std::uint64_t) / sizeof(Hash128));
  std::memcpy(hashes.data(), stored.data(), hashes.size() * sizeof(Hash128));
  return hashes;
}

}  // namespace

std::string_view name_of(Split split) {
  return split == Split::kTrain ? "train" : "validation";
}

std::string group_of(Split split) { return std::string("/").append(name_of(split)); }

TokenData TokenData::open(const std::filesystem::path& path) {
  check_seal(path);
  const Hdf5File file = Hdf5File::open_read_only(path);
  const std::int64_t version = file.read_integer("/", "version");
  check_input(version == kTokenDataVersion, path.string(), ": /@version: expected ",
              kTokenDataVersion, ", found ", version);
  TokenData data;
  data.path_ = path;
  data.info_.domain = file.read_string("/", "domain");
  data.info_.vocabulary = file.read_integer("/", "vocabulary");
  data.info_.tokenizer_hash = file.read_string("/", "tokenizer_hash");
  const std::int64_t vocabulary = data.info_.vocabulary;
  check_input(vocabulary > 0 && vocabulary <= kLargestVocabulary, path.string(),
              ": /@vocabulary: ", vocabulary, " is not in [1, ", kLargestVocabulary, "]");
  for (const char* name : {"bos", "eos"}) {
    const std::int64_t id = file.read_integer("/", name);
    check_input(id >= 0 && id < vocabulary, path.string(), ": /@", name, ": ", id,
                " is not below the vocabulary ", vocabulary);
    (name[0] == 'b' ? data.info_.bos : data.info_.eos) = static_cast<std::int32_t>(id);
  }
  data.train_ = read_part(file, Split::kTrain, vocabulary);
  data.validation_ = read_part(file, Split::kValidation, vocabulary);
  data.file_ = std::make_shared<MappedFile>(path);
  for (const Split split : {Split::kTrain, Split::kValidation}) {
    data.check_part(split);
    data.map_ids(split);
  }
  check_input(data.tokens(Split::kTrain) > 0, path.string(), ": /train/tokens: empty");
  return data;
}

TokenData::Part TokenData::read_part(const Hdf5File& file, Split split,
                                     std::int64_t vocabulary) {
  const std::string group = group_of(split);
  const auto vector_of = [&](const std::string& name, FileType type) {
    DataSetLayout layout = file.describe(group + name);
    check_input(layout.type == type && layout.shape.size() == 1, file.path().string(), ": ", group,
                name, ": expected one dimension of ", name_of(type), ", found ",
                text_of(layout.shape), " of ", name_of(layout.type));
    return layout;
  };
  Part part;
  part.token_layout = vector_of("/tokens", token_type(vocabulary));
  part.offset_layout = vector_of("/document_offsets", FileType::kUint64);
  part.byte_layout = vector_of("/document_bytes", FileType::kUint64);
  part.token_hash = file.read_string(group + "/tokens", "hash");
  part.offset_hash = file.read_string(group + "/document_offsets", "hash");
  part.byte_hash = file.read_string(group + "/document_bytes", "hash");
  if (file.contains(group + "/chunk_hashes")) {
    part.chunk_hashes = chunk_hashes_in(file, group + "/chunk_hashes");
    part.chunk_bytes = file.read_integer(group + "/chunk_hashes", "chunk_bytes");
    check_input(part.chunk_bytes > 0 && part.chunk_bytes <= kLargestChunk, file.path().string(), ": ",
                group, "/chunk_hashes @chunk_bytes: ", part.chunk_bytes);
  }
  part.tokens = file.read_integer(group, "tokens");
  part.documents = file.read_integer(group, "documents");
  return part;
}

void TokenData::check_part(Split split) const {
  const Part& part = of(split);
  const std::string group = path_.string() + ": " + group_of(split);
  check_input(part.token_layout.elements() == part.tokens, group, "/tokens: expected ",
              part.tokens, " elements, found ", part.token_layout.elements());
  check_input(part.byte_layout.elements() == part.documents, group, "/document_bytes: expected ",
              part.documents, " elements, found ", part.byte_layout.elements());
  check_input(part.offset_layout.elements() == part.documents + 1, group,
              "/document_offsets: expected ", part.documents + 1, " elements, found ",
              part.offset_layout.elements());
  for (const DataSetLayout* layout :
       {&part.token_layout, &part.offset_layout, &part.byte_layout}) {
    check_input(layout->offset + layout->bytes() <= file_->size(), group,
                ": ends past the file's ", file_->size(), " bytes");
  }
  const std::int64_t end = number_at(part.offset_layout, part.documents);
  check_input(end == part.tokens, group, "/document_offsets: the last is ", end, ", expected ",
              part.tokens);
}

// Files of before there were chunks are one.
void TokenData::map_ids(Split split) {
  Part& part = split == Split::kTrain ? train_ : validation_;
  const std::string what = path_.string() + ": " + group_of(split) + "/tokens";
  const std::span<const std::byte> bytes{file_->data() + part.token_layout.offset,
                                         static_cast<std::size_t>(part.token_layout.bytes())};
  if (part.chunk_bytes == 0 && !bytes.empty()) {
    const std::optional<Hash128> hash = hash_from_hex(part.token_hash);
    check_input(hash.has_value(), what, ": @hash: \"", part.token_hash, "\" is no hash");
    part.chunk_bytes = std::ssize(bytes);
    part.chunk_hashes = {*hash};
  }
  part.chunk_bytes = std::max<std::int64_t>(part.chunk_bytes, 1);
  part.ids = std::make_shared<CheckedBytes>(bytes, part.chunk_bytes, part.chunk_hashes, what);
}

std::int64_t TokenData::file_bytes() const { return file_->size(); }

std::int64_t TokenData::number_at(const DataSetLayout& layout, std::int64_t index) const {
  std::uint64_t number = 0;
  std::memcpy(&number, file_->data() + layout.offset + index * 8, sizeof number);
  return static_cast<std::int64_t>(number);
}

template <class Stored>
void TokenData::copy_ids(const Part& part, std::int64_t begin,
                         std::span<std::int32_t> out) const {
  constexpr auto kWidth = static_cast<std::int64_t>(sizeof(Stored));
  const std::span<const std::byte> stored =
      part.ids->at(begin * kWidth, (begin + std::ssize(out)) * kWidth);
  for (std::size_t i = 0; i < out.size(); ++i) {
    Stored id = 0;
    std::memcpy(&id, stored.data() + i * sizeof(Stored), sizeof(Stored));
    out[i] = static_cast<std::int32_t>(id);
  }
}

void TokenData::read(Split split, std::int64_t begin, std::span<std::int32_t> out) const {
  const Part& part = of(split);
  const auto count = static_cast<std::int64_t>(out.size());
  check(begin >= 0 && begin <= part.tokens - count, path_.string(), ": ", name_of(split),
        " tokens [", begin, ", ", begin + count, ") of ", part.tokens);
  if (part.token_layout.type == FileType::kUint16) {
    copy_ids<std::uint16_t>(part, begin, out);
  } else {
    copy_ids<std::uint32_t>(part, begin, out);
  }
  const auto bad = std::ranges::find_if(
      out, [&](std::int32_t id) { return id < 0 || id >= info_.vocabulary; });
  check_input(bad == out.end(), path_.string(), ": /", name_of(split), "/tokens: id ",
              bad == out.end() ? 0 : *bad, " at ", begin + (bad - out.begin()),
              " is not below the vocabulary ", info_.vocabulary);
}

std::int32_t TokenData::token(Split split, std::int64_t index) const {
  std::int32_t id = 0;
  read(split, index, {&id, 1});
  return id;
}

std::int64_t TokenData::document_offset(Split split, std::int64_t document) const {
  const Part& part = of(split);
  check(document >= 0 && document <= part.documents, path_.string(), ": ", name_of(split),
        " document ", document, " of ", part.documents);
  const std::int64_t offset = number_at(part.offset_layout, document);
  check_input(offset >= 0 && offset <= part.tokens, path_.string(), ": /", name_of(split),
              "/document_offsets: ", offset, " at ", document, " is not in [0, ", part.tokens,
              "]");
  return offset;
}

std::int64_t TokenData::document_bytes(Split split, std::int64_t document) const {
  const Part& part = of(split);
  check(document >= 0 && document < part.documents, path_.string(), ": ", name_of(split),
        " document ", document, " of ", part.documents);
  return number_at(part.byte_layout, document);
}

std::int64_t TokenData::document_of(Split split, std::int64_t token) const {
  std::int64_t low = 0;  // the document is in [low, high)
  std::int64_t high = documents(split);
  while (high - low > 1) {
    const std::int64_t middle = low + (high - low) / 2;
    (document_offset(split, middle) <= token ? low : high) = middle;
  }
  return low;
}

void TokenData::verify_hash(const DataSetLayout& layout, const std::string& hash,
                            const std::string& what) const {
  const std::string found =
      hex_of(hash_of({file_->data() + layout.offset, static_cast<std::size_t>(layout.bytes())}));
  check_input(found == hash, what, ": damaged: expected hash ", hash, ", found ", found);
}

void TokenData::verify(Split split) const {
  const Part& part = of(split);
  const std::string group = path_.string() + ": " + group_of(split);
  verify_hash(part.token_layout, part.token_hash, group + "/tokens");
  verify_hash(part.offset_layout, part.offset_hash, group + "/document_offsets");
  verify_hash(part.byte_layout, part.byte_hash, group + "/document_bytes");
  check_input(document_offset(split, 0) == 0, group, "/document_offsets: the first is not 0");
  std::vector<std::int32_t> ids;
  for (std::int64_t document = 0; document < part.documents; ++document) {
    const std::int64_t begin = document_offset(split, document);
    const std::int64_t end = document_offset(split, document + 1);
    check_input(begin + 2 <= end, group, "/document_offsets: document ", document, " has ",
                end - begin, " tokens");
    ids.resize(static_cast<std::size_t>(end - begin));
    read(split, begin, ids);
    check_input(ids.front() == info_.bos && ids.back() == info_.eos, group, "/tokens: document ",
                document, " at ", begin, " is not BOS ... EOS");
  }
}

void TokenData::verify() const {
  verify(Split::kTrain);
  verify(Split::kValidation);
}

std::string TokenData::content_hash() const {
  return hex_of(hash_of(info_.tokenizer_hash + train_.token_hash + train_.offset_hash +
                        train_.byte_hash + validation_.token_hash + validation_.offset_hash +
                        validation_.byte_hash));
}

}  // namespace bam
