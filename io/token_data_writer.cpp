#include "io/token_data_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <numeric>
#include <utility>

#include "io/file_seal.h"
#include "runtime/check.h"

namespace bam {
namespace {

constexpr std::array kSplits = {Split::kTrain, Split::kValidation};

template <class T>
void write_hashed(Hdf5File& file, const std::string& name, const std::vector<T>& values) {
  file.write<T>(name, values);
  file.write_attribute(name, "hash",
                       hex_of(hash_of(std::as_bytes(std::span<const T>(values)))));
}

void write_chunk_hashes(Hdf5File& file, const std::string& name,
                        const std::vector<Hash128>& hashes) {
  std::vector<std::uint64_t> stored(hashes.size() * sizeof(Hash128) / sizeof(std::uint64_t));
  std::memcpy(stored.data(), hashes.data(), hashes.size() * sizeof(Hash128));
  file.write<std::uint64_t>(name, stored);
  file.write_attribute(name, "chunk_bytes", kTokenChunkBytes);
}

ByteRange range_of(const DataSetLayout& layout) {
  return {static_cast<std::uint64_t>(layout.offset),
          static_cast<std::uint64_t>(layout.offset + layout.bytes())};
}

class Descriptor {
 public:
  explicit Descriptor(const std::filesystem::path& path)
      : file_(::open(path.c_str(), O_WRONLY | O_CLOEXEC)) {
    check(file_ >= 0, path.string(), ": cannot be opened: ", std::strerror(errno));
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { ::close(file_); }
  int get() const { return file_; }

 private:
  int file_;
};

}  // namespace

TokenDataWriter::TokenDataWriter(std::filesystem::path path, TokenDataInfo info)
    : path_(std::move(path)), partial_path_(path_), info_(std::move(info)) {
  check(info_.vocabulary > 0 && info_.vocabulary <= kLargestVocabulary, path_.string(),
        ": vocabulary ", info_.vocabulary);
  partial_path_ += ".partial";
  for (const Split split : kSplits) {
    Part& part = of(split);
    part.spill_path = path_.string() + "." + std::string(name_of(split)) + ".partial";
    part.spill.reset(std::fopen(part.spill_path.c_str(), "w+b"));
    check_input(part.spill != nullptr, part.spill_path.string(),
                ": cannot be written: ", std::strerror(errno));
  }
}

TokenDataWriter::~TokenDataWriter() {
  std::error_code ignored;
  for (const Part& part : parts_) {
    std::filesystem::remove(part.spill_path, ignored);
  }
  std::filesystem::remove(partial_path_, ignored);
}

std::int64_t TokenDataWriter::tokens(Split split) const {
  return static_cast<std::int64_t>(of(split).offsets.back());
}

std::int64_t TokenDataWriter::documents(Split split) const {
  return static_cast<std::int64_t>(of(split).bytes.size());
}

void TokenDataWriter::write_ids(Part& part, std::span<const std::int32_t> ids) {
  const std::size_t width = bytes_of(token_type(info_.vocabulary));
  std::vector<std::byte> stored(ids.size() * width);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    check(ids[i] >= 0 && ids[i] < info_.vocabulary, path_.string(), ": id ", ids[i],
          " is not below the vocabulary ", info_.vocabulary);
    const auto id = static_cast<std::uint32_t>(ids[i]);  // little-endian: its low bytes come first
    std::memcpy(stored.data() + i * width, &id, width);
  }
  part.hash.update(stored);
  part.chunks.update(stored);
  check(std::fwrite(stored.data(), 1, stored.size(), part.spill.get()) == stored.size(),
        part.spill_path.string(), ": cannot be written: ", std::strerror(errno));
}

void TokenDataWriter::append(Split split, std::span<const std::int32_t> ids, std::int64_t bytes) {
  Part& part = of(split);
  write_ids(part, {&info_.bos, 1});
  write_ids(part, ids);
  write_ids(part, {&info_.eos, 1});
  part.offsets.push_back(part.offsets.back() + ids.size() + 2);
  part.bytes.push_back(static_cast<std::uint64_t>(bytes));
}

DataSetLayout TokenDataWriter::write_part(Hdf5File& file, Split split) {
  const Part& part = of(split);
  const std::string group = group_of(split);
  const DataSetLayout layout = file.create_contiguous(
      group + "/tokens", token_type(info_.vocabulary), {tokens(split)});
  file.write_attribute(group + "/tokens", "hash", hex_of(part.hash.digest()));
  write_chunk_hashes(file, group + "/chunk_hashes", part.chunks.digests());
  write_hashed(file, group + "/document_offsets", part.offsets);
  write_hashed(file, group + "/document_bytes", part.bytes);
  file.write_attribute(group, "tokens", tokens(split));
  file.write_attribute(group, "documents", documents(split));
  const std::uint64_t bytes = std::reduce(part.bytes.begin(), part.bytes.end());
  file.write_attribute(group, "bytes", static_cast<std::int64_t>(bytes));
  return layout;
}

void TokenDataWriter::copy_tokens(Part& part, const DataSetLayout& layout, int target) const {
  check(std::fseek(part.spill.get(), 0, SEEK_SET) == 0, part.spill_path.string(),
        ": cannot be read: ", std::strerror(errno));
  std::vector<char> piece(std::size_t{1} << 20);
  std::int64_t done = 0;
  while (done < layout.bytes()) {
    const std::size_t got = std::fread(piece.data(), 1, piece.size(), part.spill.get());
    check(got > 0, part.spill_path.string(), ": shorter than what was written to it");
    for (std::size_t put = 0; put < got;) {
      const ssize_t written = ::pwrite(target, piece.data() + put, got - put, layout.offset + done);
      check(written > 0, partial_path_.string(), ": cannot be written: ", std::strerror(errno));
      put += static_cast<std::size_t>(written);
      done += written;
    }
  }
}

void TokenDataWriter::finish() {
  check_input(documents(Split::kTrain) > 0, path_.string(), ": domain ", info_.domain,
              " has no training documents");
  Hdf5File file = Hdf5File::create(partial_path_);
  file.write_attribute("/", "version", kTokenDataVersion);
  file.write_attribute("/", "domain", info_.domain);
  file.write_attribute("/", "vocabulary", info_.vocabulary);
  file.write_attribute("/", "bos", std::int64_t{info_.bos});
  file.write_attribute("/", "eos", std::int64_t{info_.eos});
  file.write_attribute("/", "tokenizer_hash", info_.tokenizer_hash);
  const DataSetLayout train = write_part(file, Split::kTrain);
  const DataSetLayout validation = write_part(file, Split::kValidation);
  file.close();
  const Descriptor target(partial_path_);
  copy_tokens(of(Split::kTrain), train, target.get());
  copy_tokens(of(Split::kValidation), validation, target.get());
  seal_file(partial_path_, {range_of(train), range_of(validation)});
  const bool is_synced = ::fsync(target.get()) == 0;
  check(is_synced, path_.string(), ": cannot be synced: ", std::strerror(errno));
  std::filesystem::rename(partial_path_, path_);
}

}  // namespace bam
