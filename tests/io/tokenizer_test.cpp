#include "io/tokenizer.h"

#include <gtest/gtest.h>

#include "io/text_file.h"
#include "io/utf8.h"
#include "runtime/check.h"
#include "tests/io/temporary_folder.h"

namespace bam {
namespace {

std::vector<std::string> made_texts() {
  std::vector<std::string> texts;
  for (int i = 0; i < 300; ++i) {
    texts.push_back("def function_" + std::to_string(i) + "(x):\n    return x * " +
                    std::to_string(i * 7919) + "  # the quick brown fox\n");
  }
  return texts;
}

const Tokenizer& made_tokenizer(TokenizerKind kind) {
  static const Tokenizer bpe = Tokenizer::train(made_texts(), {320, TokenizerKind::kBpe});
  static const Tokenizer unigram = Tokenizer::train(made_texts(), {320, TokenizerKind::kUnigram});
  return kind == TokenizerKind::kBpe ? bpe : unigram;
}

class TokenizerTest : public testing::TestWithParam<TokenizerKind> {};

TEST_P(TokenizerTest, RoundTrip_IsExact) {
  const Tokenizer& tokenizer = made_tokenizer(GetParam());
  const std::vector<std::string> texts = {
      "", " ", "  ", "\n", "\n\n", "\t", "a", " a ", "the  quick\n\n\tbrown   fox \r\n",
      "trailing spaces   ", "épée, 日本語, \U0001f600", "\xe2\x96\x81", "a\xe2\x96\x81 b",
      "<s></s><unk>", "<0x41>", "\xef\xbb\xbf with a mark", "e\xcc\x81 ﬁ ① Å",
      std::string("nul\0inside", 10), "\x01\x7f", "\xe2\x81\x87", "\xef\xbf\xbd"};
  for (const std::string& text : texts) {
    const std::vector<std::int32_t> ids = tokenizer.encode(text);
    EXPECT_EQ(tokenizer.decode(ids), text);
    for (const std::int32_t id : ids) {
      EXPECT_NE(id, tokenizer.bos()) << text;
      EXPECT_NE(id, tokenizer.eos()) << text;
    }
  }
}

TEST_P(TokenizerTest, Pieces_AreLearned) {
  const Tokenizer& tokenizer = made_tokenizer(GetParam());
  EXPECT_EQ(tokenizer.vocabulary(), 320);
  EXPECT_LT(tokenizer.encode(made_texts()[5]).size(), made_texts()[5].size());
}

TEST_P(TokenizerTest, Training_IsDeterministic) {
  const Tokenizer again = Tokenizer::train(made_texts(), {320, GetParam()});
  EXPECT_EQ(again.model(), made_tokenizer(GetParam()).model());
}

TEST_P(TokenizerTest, Model_LoadsFromItsFile) {
  const TemporaryFolder folder;
  const Tokenizer& tokenizer = made_tokenizer(GetParam());
  write_file(folder / "t.model", tokenizer.model());
  const Tokenizer loaded = Tokenizer::load(folder / "t.model");
  EXPECT_EQ(loaded.hash(), tokenizer.hash());
  EXPECT_EQ(loaded.encode("the quick fox"), tokenizer.encode("the quick fox"));
  EXPECT_EQ(loaded.bos(), 1);
  EXPECT_EQ(loaded.eos(), 2);
}

INSTANTIATE_TEST_SUITE_P(Kinds, TokenizerTest,
                         testing::Values(TokenizerKind::kBpe, TokenizerKind::kUnigram),
                         [](const auto& tested) {
                           return tested.param == TokenizerKind::kBpe ? "Bpe" : "Unigram";
                         });

TEST(Tokenizer, WhatIsNoModel_IsRefused) {
  EXPECT_THROW(Tokenizer::from_bytes("", "x"), BadInput);
  EXPECT_THROW(Tokenizer::from_bytes("hello, world", "x"), BadInput);
  EXPECT_THROW(Tokenizer::load("/nowhere/at.all"), BadInput);
  const std::string& model = made_tokenizer(TokenizerKind::kBpe).model();
  EXPECT_THROW(Tokenizer::from_bytes(model.substr(0, model.size() / 2), "x"), BadInput);
}

TEST(Tokenizer, UnlearnableVocabulary_IsRefused) {
  const std::vector<std::string> texts = {"ab ab ab"};
  EXPECT_THROW(Tokenizer::train(texts, {100, TokenizerKind::kBpe}), BadInput);
  EXPECT_THROW(Tokenizer::train(texts, {4000, TokenizerKind::kBpe}), BadInput);
  EXPECT_THROW(Tokenizer::train(texts, {4000, TokenizerKind::kUnigram}), BadInput);
  EXPECT_THROW(Tokenizer::train({}, {320, TokenizerKind::kBpe}), BadInput);
}

TEST(Utf8, Prefix_EndsAtTheFirstIllFormedByte) {
  EXPECT_EQ(valid_utf8_prefix("aé日\U0001f600"), 10U);
  for (const std::string bad : {"\x80", "\xc0\x80", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80",
                                "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xff"}) {
    EXPECT_EQ(valid_utf8_prefix("ok" + bad), 2U);
  }
}

}  // namespace
}  // namespace bam
