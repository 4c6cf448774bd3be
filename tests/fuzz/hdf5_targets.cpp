// HDF5 files: listed in a process of its own, and as token data.
#include <csignal>
#include <cstring>

#include "io/content_hash.h"
#include "io/file_seal.h"
#include "io/text_file.h"
#include "io/token_data.h"
#include "io/token_data_writer.h"
#include "launch/file_tree.h"
#include "launch/read_apart.h"
#include "runtime/check.h"
#include "tests/fuzz/input_file.h"
#include "tests/fuzz/targets.h"
#include "tests/io/made_token_data.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

/// As `bam inspect tree` does it: HDF5 crashes on damaged files, and the child with it. That is no
/// finding, so the child's signals have their plain effect.
void list_tree(std::string_view bytes) {
  const fs::path path = input_file("tree.h5", bytes);
  const nlohmann::json tree = read_apart("input", {.cpu_seconds = 2}, [&] {
    for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXFSZ}) {
      std::signal(number, SIG_DFL);
    }
    return tree_of(path);
  });
  check(tree.contains("objects"), "a tree without objects");
}

/// Everything that training and evaluation ask of token data.
void use(const TokenData& data) {
  data.verify();
  for (const Split split : {Split::kTrain, Split::kValidation}) {
    std::int64_t tokens = 0;
    for (std::int64_t document = 0; document < data.documents(split); ++document) {
      const std::int64_t begin = data.document_offset(split, document);
      check(data.document_of(split, begin) == document, "a token in another document");
      tokens += data.document_offset(split, document + 1) - begin;
      data.document_bytes(split, document);
    }
    check(tokens == data.tokens(split), "tokens outside all documents");
  }
}

void read_token_file(std::string_view bytes) { use(TokenData::open(input_file("raw.h5", bytes))); }

/// Token data whose file is sound and sealed, and whose fields say anything. The input: Head, then
/// both splits' token ids, document offsets and document bytes.
struct Head {
  struct Part {
    std::int64_t tokens, documents;    // as the attributes say
    std::uint8_t ids, offsets, bytes;  // elements that there are
    std::uint8_t is_hash_wrong;
  };
  std::int64_t version, vocabulary, bos, eos;
  Part parts[2];
};

/// The next elements of the input; zeros past its end.
template <class T>
std::vector<T> take(std::string_view& bytes, std::size_t count) {
  std::vector<T> values(count);
  const std::size_t there = std::min(bytes.size(), count * sizeof(T));
  if (there > 0) {  // of nothing there may be no address
    std::memcpy(values.data(), bytes.data(), there);
  }
  bytes.remove_prefix(there);
  return values;
}

template <class T>
void write_hashed(Hdf5File& file, const std::string& name, const std::vector<T>& values,
                  bool is_wrong) {
  file.write<T>(name, values);
  const std::string hash = hex_of(hash_of(std::as_bytes(std::span(values))));
  file.write_attribute(name, "hash", is_wrong ? std::string_view("none") : std::string_view(hash));
}

void write_part(Hdf5File& file, const std::string& group, const Head::Part& part, bool is_wide,
                std::string_view& bytes) {
  const bool is_wrong = part.is_hash_wrong != 0;
  if (is_wide) {
    write_hashed(file, group + "/tokens", take<std::uint32_t>(bytes, part.ids), is_wrong);
  } else {
    write_hashed(file, group + "/tokens", take<std::uint16_t>(bytes, part.ids), is_wrong);
  }
  write_hashed(file, group + "/document_offsets", take<std::uint64_t>(bytes, part.offsets), false);
  write_hashed(file, group + "/document_bytes", take<std::uint64_t>(bytes, part.bytes), false);
  file.write_attribute(group, "tokens", part.tokens);
  file.write_attribute(group, "documents", part.documents);
}

void read_token_fields(std::string_view bytes) {
  const Head head = take<Head>(bytes, 1).front();
  const fs::path path = input_folder() / "fields.h5";
  Hdf5File file = Hdf5File::create(path);
  file.write_attribute("/", "version", head.version);
  file.write_attribute("/", "vocabulary", head.vocabulary);
  file.write_attribute("/", "bos", head.bos);
  file.write_attribute("/", "eos", head.eos);
  file.write_attribute("/", "domain", std::string_view("made"));
  file.write_attribute("/", "tokenizer_hash", std::string_view("none"));
  const bool is_wide = head.vocabulary > 65536;
  write_part(file, "/train", head.parts[0], is_wide, bytes);
  write_part(file, "/validation", head.parts[1], is_wide, bytes);
  file.close();
  seal_file(path, {});
  use(TokenData::open(path));
}

template <class T>
void append(std::string& bytes, const std::vector<T>& values) {
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

std::string sound_fields() {
  Head head{};
  head.version = kTokenDataVersion;
  head.vocabulary = 100;
  head.bos = 1;
  head.eos = 2;
  head.parts[0] = {7, 2, 7, 3, 2, 0};
  head.parts[1] = {3, 1, 3, 2, 1, 0};
  std::string bytes(reinterpret_cast<const char*>(&head), sizeof head);
  append<std::uint16_t>(bytes, {1, 5, 6, 2, 1, 7, 2});
  append<std::uint64_t>(bytes, {0, 4, 7});
  append<std::uint64_t>(bytes, {20, 10});
  append<std::uint16_t>(bytes, {1, 8, 2});
  append<std::uint64_t>(bytes, {0, 3});
  append<std::uint64_t>(bytes, {10});
  return bytes;
}

std::vector<std::string> field_seeds() { return {sound_fields()}; }

std::vector<std::string> file_seeds() {
  const fs::path path = input_folder() / "made.h5";
  made_token_data(path, {{5, 6}, {}, {7}}, {{8}});
  return {read_file(path)};
}

std::vector<std::string> tree_seeds() {
  std::vector<std::string> seeds = file_seeds();
  const fs::path path = input_folder() / "weights.h5";
  Hdf5File file = Hdf5File::create(path);
  file.write<float>("/weights/layers.0.norm", std::vector<float>{1, 2, 3});
  file.create_contiguous("/weights/deep/down/x", FileType::kFloat32, {2, 3, 4});
  file.close();
  seeds.push_back(read_file(path));
  return seeds;
}

}  // namespace

std::vector<FuzzTarget> hdf5_targets() {
  return {{"hdf5_tree", list_tree, tree_seeds},
          {"token_data", read_token_file, file_seeds},
          {"token_data_fields", read_token_fields, field_seeds}};
}

}  // namespace bam
