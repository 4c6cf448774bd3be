// SentencePiece models that rewrite text: whatever their rules lead to, they are refused or safe.
#include "io/tokenizer_rules.h"

#include <gtest/gtest.h>
#include <sentencepiece_trainer.h>

#include "io/tokenizer.h"
#include "runtime/check.h"
#include "tests/io/made_tokenizer_rules.h"

namespace bam {
namespace {

class SameLine : public sentencepiece::SentenceIterator {
 public:
  bool done() const override { return lines_ == 0; }
  void Next() override { --lines_; }
  const std::string& value() const override { return line_; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  int lines_ = 40;
  std::string line_ = "the quick brown fox, return x = 7919";
};

void expect_refused(const std::string& model, const std::string& part) {
  try {
    Tokenizer::from_bytes(model, "some.model");
    FAIL() << "accepted where this was expected: " << part;
  } catch (const BadInput& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("some.model: normalizer_spec.precompiled_charsmap: "), text.npos) << text;
    EXPECT_NE(text.find(part), text.npos) << text;
  }
}

TEST(TokenizerRules, ThatAreSoundAreFollowed) {
  const Tokenizer tokenizer =
      Tokenizer::from_bytes(MadeTokenizerRules("\xef\xbc\xa1", "quick").model(), "made");
  EXPECT_EQ(tokenizer.encode("the \xef\xbc\xa1 fox"), tokenizer.encode("the quick fox"));
  EXPECT_NE(made_tokenizer_320().encode("the \xef\xbc\xa1 fox"), tokenizer.encode("the quick fox"));
}

TEST(TokenizerRules, OfThoseThatComeWithSentencePieceAreSound) {
  for (const char* name : {"nmt_nfkc", "nmt_nfkc_cf", "nfkc", "identity"}) {
    SameLine lines;
    std::string model;
    const auto status = sentencepiece::SentencePieceTrainer::Train(
        message_of("--model_type=bpe --vocab_size=290 --byte_fallback --minloglevel=2 ",
                   "--normalization_rule_name=", name),
        &lines, &model);
    ASSERT_TRUE(status.ok()) << status.ToString();
    EXPECT_NO_THROW(Tokenizer::from_bytes(model, name));
  }
}

TEST(TokenizerRules, ThatLeadOutOfTheTrieAreRefused) {
  MadeTokenizerRules root("ab", "x");
  root.lead(0, 4 * MadeTokenizerRules::kBlock);
  expect_refused(root.model(), "unit 0 of 1024 leads to unit 1024");
  MadeTokenizerRules last("ab", "x");
  last.units()[0] |= 0x200;  // its offset times 256
  expect_refused(last.model(), "unit 0 of 1024 leads to unit 65536");
  MadeTokenizerRules cut("ab", "x");
  cut.units().resize(1000);  // where the last block ends beyond it
  expect_refused(cut.model(), "leads to unit 768");
}

TEST(TokenizerRules, ThatLeadOutOfTheTextAreRefused) {
  MadeTokenizerRules rules("ab", "x");
  rules.units()[3 * MadeTokenizerRules::kBlock] = MadeTokenizerRules::kValue | 2;
  expect_refused(rules.model(), "leads to byte 2 of 2");
  MadeTokenizerRules endless("ab", "x");
  endless.text().back() = 'y';
  expect_refused(endless.model(), "the last string has no end");
}

TEST(TokenizerRules, OfMoreBytesThanThereIsRoomForAreRefused) {
  EXPECT_NO_THROW(Tokenizer::from_bytes(MadeTokenizerRules(std::string(32, 'a'), "x").model(), ""));
  expect_refused(MadeTokenizerRules(std::string(33, 'a'), "x").model(), "more than 32 bytes");
  MadeTokenizerRules circle("ab", "x");
  circle.lead(MadeTokenizerRules::kBlock ^ 'a', MadeTokenizerRules::kBlock);
  expect_refused(circle.model(), "more than 32 bytes");
}

TEST(TokenizerRules, ThatAreNoneAreRefused) {
  const std::string whole = MadeTokenizerRules("ab", "x").rules();
  expect_refused(MadeTokenizerRules::with("abc"), "3 bytes are no rules");
  expect_refused(MadeTokenizerRules::with(whole.substr(0, 1000)), "a trie of 4096 of 996 bytes");
  expect_refused(MadeTokenizerRules::with(whole.substr(0, 4 + 4096)), "a trie of 4096 of 4096");
  expect_refused(MadeTokenizerRules::with(std::string(4, '\0') + "text"), "a trie of 0 of");
  expect_refused(MadeTokenizerRules::with(std::string("\xff\xff\xff\xff", 4) + whole),
                 "a trie of 4294967295");
}

}  // namespace
}  // namespace bam
