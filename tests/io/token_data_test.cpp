#include "io/token_data.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>

#include "io/file_seal.h"
#include "io/text_file.h"
#include "runtime/check.h"
#include "tests/io/made_token_data.h"
#include "tests/io/temporary_folder.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

Ids all_of(const TokenData& data, Split split) {
  Ids ids(static_cast<std::size_t>(data.tokens(split)));
  data.read(split, 0, ids);
  return ids;
}

TEST(TokenData, RoundTrip_KeepsDocumentsBetweenBosAndEos) {
  const TemporaryFolder folder;
  const TokenData data = made_token_data(folder / "a.h5", {{5, 6}, {}, {7}}, {{8}});
  EXPECT_EQ(all_of(data, Split::kTrain), (Ids{1, 5, 6, 2, 1, 2, 1, 7, 2}));
  EXPECT_EQ(all_of(data, Split::kValidation), (Ids{1, 8, 2}));
  EXPECT_EQ(data.documents(Split::kTrain), 3);
  EXPECT_EQ(data.document_offset(Split::kTrain, 2), 6);
  EXPECT_EQ(data.document_bytes(Split::kTrain, 0), 20);
  EXPECT_EQ(data.document_of(Split::kTrain, 3), 0);
  EXPECT_EQ(data.document_of(Split::kTrain, 4), 1);
  EXPECT_EQ(data.document_of(Split::kTrain, 8), 2);
  EXPECT_EQ(data.token(Split::kTrain, 7), 7);
  EXPECT_EQ(data.info().domain, "made");
  EXPECT_EQ(data.info().tokenizer_hash, "hash of a tokenizer");
  data.verify();
  EXPECT_THROW(data.token(Split::kTrain, 9), Error);
}

TEST(TokenData, LargeVocabulary_IsStoredInFourBytes) {
  const TemporaryFolder folder;
  const TokenData data = made_token_data(folder / "a.h5", {{70000, 99999}}, {}, 100000);
  EXPECT_EQ(all_of(data, Split::kTrain), (Ids{1, 70000, 99999, 2}));
  EXPECT_EQ(data.tokens(Split::kValidation), 0);
  data.verify();
}

TEST(TokenData, Writer_LeavesNothingBehindButTheFile) {
  const TemporaryFolder folder;
  made_token_data(folder / "a.h5", {{5}}, {});
  { TokenDataWriter abandoned(folder / "b.h5", {"b", 10, 1, 2, ""}); }
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder.path())) {
    files.push_back(entry.path().filename());
  }
  EXPECT_EQ(files, (std::vector<fs::path>{"a.h5"}));
}

TEST(TokenData, Writer_RefusesNoTrainingDocumentsAndIdsPastTheVocabulary) {
  const TemporaryFolder folder;
  EXPECT_THROW(made_token_data(folder / "a.h5", {}, {{5}}), BadInput);
  EXPECT_THROW(made_token_data(folder / "a.h5", {{100}}, {}), Error);
  EXPECT_FALSE(fs::exists(folder / "a.h5"));
}

TEST(TokenData, Open_RefusesWhatIsNotHdf5) {
  const TemporaryFolder folder;
  write_file(folder / "a.h5", "text");
  EXPECT_THROW(TokenData::open(folder / "a.h5"), BadInput);
  EXPECT_THROW(TokenData::open(folder / "absent.h5"), BadInput);
}

TEST(TokenData, Open_RefusesEveryTruncation) {
  const TemporaryFolder folder;
  made_token_data(folder / "a.h5", {Ids(5000, 7)}, {{8}});
  const std::string whole = read_file(folder / "a.h5");
  for (std::size_t bytes = 0; bytes < whole.size(); bytes += 97) {
    write_file(folder / "b.h5", whole.substr(0, bytes));
    EXPECT_THROW(TokenData::open(folder / "b.h5"), BadInput) << bytes;
  }
}

constexpr std::size_t kSealBytes = 64;

/// A file as TokenDataWriter would write it, but for its tokens and vocabulary.
void write_by_hand(const fs::path& path, const std::vector<std::uint16_t>& tokens,
                   std::int64_t vocabulary) {
  Hdf5File file = Hdf5File::create(path);
  file.write_attribute("/", "version", kTokenDataVersion);
  file.write_attribute("/", "domain", std::string_view("made"));
  file.write_attribute("/", "tokenizer_hash", std::string_view("none"));
  file.write_attribute("/", "vocabulary", vocabulary);
  file.write_attribute("/", "bos", std::int64_t{1});
  file.write_attribute("/", "eos", std::int64_t{2});
  const auto write = [&](const std::string& name, const auto& values) {
    using T = typename std::decay_t<decltype(values)>::value_type;
    file.write<T>(name, values);
    file.write_attribute(name, "hash", hex_of(hash_of(std::as_bytes(std::span(values)))));
  };
  for (const std::string group : {"/train", "/validation"}) {
    const auto count = static_cast<std::uint64_t>(tokens.size());
    write(group + "/tokens", tokens);
    write(group + "/document_offsets", std::vector<std::uint64_t>{0, count});
    write(group + "/document_bytes", std::vector<std::uint64_t>{10});
    file.write_attribute(group, "tokens", static_cast<std::int64_t>(count));
    file.write_attribute(group, "documents", std::int64_t{1});
  }
  file.close();
  seal_file(path, {});
}

std::string refusal_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const BadInput& error) {
    return error.what();
  }
  return "nothing was refused";
}

TEST(TokenData, IdNotBelowTheVocabulary_IsRefusedByName) {
  const TemporaryFolder folder;
  write_by_hand(folder / "a.h5", {1, 5, 10, 2}, 10);
  const TokenData data = TokenData::open(folder / "a.h5");
  const std::string text = refusal_of([&] { data.token(Split::kTrain, 2); });
  EXPECT_NE(text.find("/train/tokens: id 10 at 2"), std::string::npos) << text;
  EXPECT_THROW(data.verify(), BadInput);
}

TEST(TokenData, EmptyOrBadlyDescribed_IsRefused) {
  const TemporaryFolder folder;
  write_by_hand(folder / "a.h5", {}, 10);
  EXPECT_THROW(TokenData::open(folder / "a.h5"), BadInput);
  write_by_hand(folder / "b.h5", {1, 5, 2}, 70000);  // would be uint32
  EXPECT_THROW(TokenData::open(folder / "b.h5"), BadInput);
  write_by_hand(folder / "c.h5", {1, 5, 2}, 2);  // EOS is not below it
  EXPECT_THROW(TokenData::open(folder / "c.h5"), BadInput);
  write_by_hand(folder / "d.h5", {5, 5, 5}, 10);  // not BOS ... EOS
  EXPECT_THROW(TokenData::open(folder / "d.h5").verify(), BadInput);
}

TEST(TokenData, Verify_FindsAFlippedBit) {
  const TemporaryFolder folder;
  made_token_data(folder / "a.h5", {Ids(5000, 7)}, {{8}});
  std::string bytes = read_file(folder / "a.h5");
  const std::size_t at = bytes.find(std::string("\7\0\7\0\7\0\7", 7));
  ASSERT_NE(at, std::string::npos);
  bytes[at + 20] = 6;
  write_file(folder / "a.h5", bytes);
  const TokenData data = TokenData::open(folder / "a.h5");
  const std::string text = refusal_of([&] { data.verify(); });
  EXPECT_NE(text.find("/train/tokens: damaged"), std::string::npos) << text;
}

TEST(TokenData, ADamagedChunk_IsRefusedWhenItIsRead) {
  const TemporaryFolder folder;
  const std::int64_t chunk = kTokenChunkBytes / 2;  // tokens
  made_token_data(folder / "a.h5", {Ids(static_cast<std::size_t>(3 * chunk), 7)}, {{8}});
  const DataSetLayout layout = Hdf5File::open_read_only(folder / "a.h5").describe("/train/tokens");
  std::string bytes = read_file(folder / "a.h5");
  bytes[static_cast<std::size_t>(layout.offset + 2 * (chunk + 5))] = 6;
  write_file(folder / "a.h5", bytes);
  const TokenData data = TokenData::open(folder / "a.h5");
  EXPECT_EQ(data.token(Split::kTrain, chunk - 1), 7);
  EXPECT_EQ(data.token(Split::kTrain, 2 * chunk), 7);
  EXPECT_EQ(data.token(Split::kValidation, 1), 8);
  for (const std::int64_t at : {chunk, chunk + 5, 2 * chunk - 1}) {
    const std::string text = refusal_of([&] { data.token(Split::kTrain, at); });
    EXPECT_NE(text.find("/train/tokens: damaged"), std::string::npos) << text;
  }
  Ids across(10);
  EXPECT_THROW(data.read(Split::kTrain, chunk - 5, across), BadInput);
}

TEST(TokenData, WithoutChunkHashes_AreCheckedWhole) {
  const TemporaryFolder folder;
  write_by_hand(folder / "a.h5", {1, 5, 2}, 10);
  EXPECT_EQ(all_of(TokenData::open(folder / "a.h5"), Split::kTrain), (Ids{1, 5, 2}));
  const DataSetLayout layout = Hdf5File::open_read_only(folder / "a.h5").describe("/train/tokens");
  std::string bytes = read_file(folder / "a.h5");
  bytes[static_cast<std::size_t>(layout.offset + 2)] = 6;
  write_file(folder / "a.h5", bytes.substr(0, bytes.size() - kSealBytes));
  seal_file(folder / "a.h5", {});
  const TokenData damaged = TokenData::open(folder / "a.h5");
  EXPECT_THROW(damaged.token(Split::kTrain, 2), BadInput);
}

TEST(TokenData, AnyFlippedByte_IsRefused) {
  const TemporaryFolder folder;
  made_token_data(folder / "a.h5", {{5, 6}, {7}}, {{8}});
  const std::string whole = read_file(folder / "a.h5");
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 4);
    std::ofstream(folder / "b.h5", std::ios::binary) << bytes;
    EXPECT_THROW(TokenData::open(folder / "b.h5").verify(), BadInput) << at;
  }
}

TEST(TokenData, ContentHash_ChangesWithTheTokens) {
  const TemporaryFolder folder;
  const TokenData a = made_token_data(folder / "a.h5", {{5, 6}}, {});
  const TokenData b = made_token_data(folder / "b.h5", {{5, 6}}, {});
  const TokenData c = made_token_data(folder / "c.h5", {{5, 7}}, {});
  EXPECT_EQ(a.content_hash(), b.content_hash());
  EXPECT_NE(a.content_hash(), c.content_hash());
  EXPECT_EQ(read_file(folder / "a.h5"), read_file(folder / "b.h5"));
}

}  // namespace
}  // namespace bam
