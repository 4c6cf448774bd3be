#include "io/corpus.h"

#include <gtest/gtest.h>

#include "io/text_file.h"
#include "runtime/check.h"
#include "tests/io/temporary_folder.h"

namespace bam {
namespace {

std::vector<std::string> texts_of(const std::vector<std::filesystem::path>& paths) {
  Corpus corpus(paths);
  std::vector<std::string> texts;
  while (const std::optional<Document> document = corpus.next()) {
    texts.push_back(document->text);
  }
  return texts;
}

std::string refusal_of(const std::filesystem::path& path) {
  try {
    texts_of({path});
  } catch (const BadInput& error) {
    return error.what();
  }
  return "nothing was refused";
}

TEST(Corpus, JsonLines_AreADocumentEach) {
  const TemporaryFolder folder;
  write_file(folder / "a.jsonl",
             "{\"text\": \"one\\nline\"}\n\n{\"text\": \"\"}\r\n{\"text\": \"é\", \"n\": 1}");
  EXPECT_EQ(texts_of({folder / "a.jsonl"}), (std::vector<std::string>{"one\nline", "é"}));
}

TEST(Corpus, Folders_AreReadInOrderOfNames) {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder / "b");
  write_file(folder / "c.txt", "third");
  write_file(folder / "b" / "x.txt", "second\n");
  write_file(folder / "a.jsonl", "{\"text\": \"first\"}\n");
  write_file(folder / "b" / "empty.txt", "");
  EXPECT_EQ(texts_of({folder.path()}), (std::vector<std::string>{"first", "second\n", "third"}));
}

TEST(Corpus, CompressedFiles_AreRefusedAndTextThatOnlyLooksSoIsRead) {
  const TemporaryFolder folder;
  write_file(folder / "a.txt", "PK\x03\x04 and more");
  EXPECT_NE(refusal_of(folder / "a.txt").find("a.txt: is compressed (zip); unpack it first"),
            std::string::npos);
  for (const char* text : {"BZh9 is how bzip2 begins", "PK", "(", "BZh"}) {
    write_file(folder / "b.txt", text);
    EXPECT_EQ(texts_of({folder / "b.txt"}), std::vector<std::string>{text});
  }
}

TEST(Corpus, Split_IsRead) {
  const TemporaryFolder folder;
  write_file(folder / "a.jsonl", "{\"text\": \"a\", \"split\": \"validation\"}\n{\"text\": \"b\"}\n");
  Corpus corpus({folder / "a.jsonl"});
  EXPECT_EQ(corpus.next()->split, Split::kValidation);
  EXPECT_EQ(corpus.next()->split, std::nullopt);
  EXPECT_FALSE(corpus.next().has_value());
}

TEST(Corpus, BadUtf8_IsRefusedNamingFileAndLine) {
  const TemporaryFolder folder;
  write_file(folder / "a.txt", "good\nba\xff\n");
  write_file(folder / "b.jsonl", "{\"text\": \"good\"}\n{\"text\": \"\xc3(\"}\n");
  EXPECT_NE(refusal_of(folder / "a.txt").find("a.txt:2: not UTF-8"), std::string::npos);
  EXPECT_NE(refusal_of(folder / "b.jsonl").find("b.jsonl:2: not UTF-8"), std::string::npos);
}

TEST(Corpus, BadLines_AreRefusedNamingTheLine) {
  const TemporaryFolder folder;
  for (const std::string line :
       {"{\"text\": \"a\"", "[1]", "{\"txt\": \"a\"}", "{\"text\": 5}", "{\"text\": \"\\ud800\"}",
        "{\"text\": \"a\", \"split\": \"test\"}"}) {
    write_file(folder / "a.jsonl", "{\"text\": \"a\"}\n" + line + "\n");
    EXPECT_NE(refusal_of(folder / "a.jsonl").find("a.jsonl:2"), std::string::npos) << line;
  }
}

TEST(Corpus, MissingPathsAndEmptyFolders_AreRefused) {
  const TemporaryFolder folder;
  EXPECT_THROW(Corpus({folder / "absent"}), BadInput);
  EXPECT_THROW(Corpus({folder.path()}), BadInput);
  EXPECT_THROW(Corpus({"/dev/zero"}), BadInput);
}

}  // namespace
}  // namespace bam
