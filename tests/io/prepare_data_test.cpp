#include "io/prepare_data.h"

#include <gtest/gtest.h>

#include "io/text_file.h"
#include "io/token_data.h"
#include "runtime/check.h"
#include "tests/io/temporary_folder.h"

namespace bam {
namespace {

std::string made_line(int i) {
  return "{\"text\": \"item " + std::to_string(i) + " costs " + std::to_string(i * 37) +
         " coins, line " + std::to_string(i * i) + "\\n\"}\n";
}

class PrepareDataTest : public testing::Test {
 protected:
  PrepareDataTest() {
    std::string lines;
    for (int i = 0; i < 400; ++i) {
      lines += made_line(i);
    }
    write_file(folder_ / "a.jsonl", lines);
    write_file(folder_ / "b.jsonl", lines.substr(0, lines.find("item 90 ")) + "\"}\n");
  }

  PrepareOptions options() const {
    PrepareOptions out;
    out.domains = {{"a", {folder_ / "a.jsonl"}}};
    out.out = folder_ / "out";
    out.tokenizer.vocabulary = 300;
    out.validation_share = 0.25;
    return out;
  }

  TemporaryFolder folder_;
  std::function<void(const std::string&)> silent_ = [](const std::string&) {};
};

TEST_F(PrepareDataTest, Documents_AreEncodedOnBothSides) {
  const auto summaries = prepare_data(options(), silent_);
  ASSERT_EQ(summaries.size(), 1U);
  const TokenData data = TokenData::open(folder_ / "out" / "a.h5");
  data.verify();
  EXPECT_EQ(data.documents(Split::kTrain) + data.documents(Split::kValidation) +
                summaries[0].left_out,
            400);
  EXPECT_GT(data.documents(Split::kValidation), 50);
  const Tokenizer tokenizer = Tokenizer::load(folder_ / "out" / "tokenizer.model");
  EXPECT_EQ(data.info().tokenizer_hash, tokenizer.hash());
  std::vector<std::int32_t> first(static_cast<std::size_t>(data.document_offset(Split::kTrain, 1)));
  data.read(Split::kTrain, 0, first);
  EXPECT_TRUE(tokenizer.decode(first).starts_with("item "));
}

TEST_F(PrepareDataTest, SameText_MakesTheSameBytes) {
  PrepareOptions again = options();
  again.out = folder_ / "again";
  prepare_data(options(), silent_);
  prepare_data(again, silent_);
  for (const char* name : {"a.h5", "tokenizer.model"}) {
    EXPECT_EQ(read_file(folder_ / "out" / name), read_file(folder_ / "again" / name));
  }
}

TEST_F(PrepareDataTest, ExistingTokenizer_IsUsed) {
  prepare_data(options(), silent_);
  PrepareOptions second = options();
  second.out = folder_ / "second";
  second.domains = {{"b", {folder_ / "b.jsonl"}}};
  second.existing_tokenizer = folder_ / "out" / "tokenizer.model";
  prepare_data(second, silent_);
  EXPECT_EQ(read_file(folder_ / "second" / "tokenizer.model"),
            read_file(folder_ / "out" / "tokenizer.model"));
}

TEST_F(PrepareDataTest, BadOptions_AreRefused) {
  const auto refused = [&](auto change) {
    PrepareOptions bad = options();
    change(bad);
    EXPECT_THROW(prepare_data(bad, silent_), BadInput);
  };
  refused([](PrepareOptions& bad) { bad.domains.clear(); });
  refused([](PrepareOptions& bad) { bad.domains.push_back(bad.domains[0]); });
  refused([](PrepareOptions& bad) { bad.domains[0].name = "../a"; });
  refused([](PrepareOptions& bad) { bad.validation_share = 1.5; });
  refused([](PrepareOptions& bad) { bad.sample_bytes = 0; });
  refused([](PrepareOptions& bad) { bad.tokenizer.vocabulary = 10; });
  refused([&](PrepareOptions& bad) { bad.out = folder_ / "a.jsonl" / "out"; });
  refused([&](PrepareOptions& bad) { bad.existing_tokenizer = folder_ / "a.jsonl"; });
}

}  // namespace
}  // namespace bam
