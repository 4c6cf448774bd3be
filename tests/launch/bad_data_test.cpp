// Token data, tokenizers, text and checkpoints that cannot be used: exit code 2, the file and what
// is wrong with it named, nothing written.
#include <gtest/gtest.h>

#include "io/hdf5_file.h"
#include "io/text_file.h"
#include "tests/io/made_tokenizer_rules.h"
#include "tests/launch/refusal.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

class BadData : public ::testing::Test {
 protected:
  /// Copies of the token data and tokenizer, to be spoilt.
  BadData() { fs::copy(SmallWorld::get().data(), data()); }

  void expect_training_refused(const Words& parts, const Words& assignments = {}) {
    Words all = {"data.domains[0].path=" + law().string(),
                 "data.domains[1].path=" + (data() / "code.h5").string()};
    all.insert(all.end(), assignments.begin(), assignments.end());
    expect_refusal(alone(train(SmallWorld::get().dense(), out(), settings(all))), parts, out());
  }

  /// `bam data` of one file refuses it.
  void expect_text_refused(const std::string& name, const std::string& text, const Words& parts) {
    const fs::path file = folder_ / name;
    write_file(file, text);
    expect_refusal(alone({"data", "--domain", "law=" + file.string(), "--out", out().string(),
                          "--vocabulary", "300"}),
                   parts, out());
  }

  /// Changes one byte of a file.
  static void flip(const fs::path& file, std::size_t at) {
    std::string bytes = read_file(file);
    bytes.at(at) = static_cast<char>(bytes.at(at) ^ 1);
    write_file(file, bytes);
  }

  fs::path data() const { return folder_ / "data"; }
  fs::path law() const { return data() / "law.h5"; }
  fs::path out() const { return folder_ / "out"; }
  const TemporaryFolder& folder() const { return folder_; }

 private:
  TemporaryFolder folder_;
};

TEST_F(BadData, TokenDataThatIsNone) {
  fs::remove(law());
  expect_training_refused({law().string()});
  write_file(law(), "whereas the party");
  expect_training_refused({law().string() + ": not a token data set"});
  write_file(law(), "");
  expect_training_refused({law().string()});
  Hdf5File file = Hdf5File::create(law());
  file.write<float>("/train/tokens", std::vector<float>{1, 2, 3});
  file.close();
  expect_training_refused({law().string() + ": not a token data set"});
}

TEST_F(BadData, TheFieldThatHasThePathIsNamed) {
  const std::string field = SmallWorld::get().dense() + ": data.domains[0].path: ";
  fs::remove(data() / "tokenizer.model");
  expect_training_refused({field + (data() / "tokenizer.model").string()});
  fs::remove(law());
  expect_training_refused({field + law().string() + ": "});
}

TEST_F(BadData, ValidationTextThatIsNone) {
  const fs::path alone_for_training = folder() / "training";
  const fs::path lines = folder() / "lines.jsonl";
  write_file(lines, R"({"text": "whereas the party shall pay the court the claim of the deed"})");
  expect_code(
      0, alone({"data", "--domain", "law=" + lines.string(), "--out", alone_for_training.string(),
                "--tokenizer", (SmallWorld::get().data() / "tokenizer.model").string(),
                "--validation-share", "0"}));
  const std::string tokens = (alone_for_training / "law.h5").string();
  expect_training_refused(
      {SmallWorld::get().dense() + ": data.domains[0].path: " + tokens +
           ": has no validation tokens",
       "training.validate_every: 2"},
      {"data.domains[0].path=" + tokens, "data.sequence_length=4", "training.validate_every=2"});
}

TEST_F(BadData, TokenDataChangedSinceTheyWereWritten) {
  const DataSetLayout tokens = Hdf5File::open_read_only(law()).describe("/train/tokens");
  flip(law(), static_cast<std::size_t>(tokens.offset + tokens.bytes() / 2));
  expect_training_refused({law().string() + ": /train/tokens: damaged"});
  fs::resize_file(law(), fs::file_size(law()) / 2);
  expect_training_refused({law().string()});
}

TEST_F(BadData, DamagedTokensAreNotEvaluated) {
  const fs::path run = folder() / "run";
  expect_code(0, alone(train(SmallWorld::get().dense(), run, settings({"training.steps=1"}))));
  const DataSetLayout tokens = Hdf5File::open_read_only(law()).describe("/validation/tokens");
  flip(law(), static_cast<std::size_t>(tokens.offset + tokens.bytes() / 2));
  expect_refusal(alone({"eval", run.string(), "--data", "law=" + law().string()}),
                 {law().string() + ": /validation/tokens: damaged"}, out());
}

TEST_F(BadData, ATokenizerThatIsAnothersOrNone) {
  flip(data() / "tokenizer.model", 1000);
  expect_training_refused({(data() / "tokenizer.model").string(), law().string()});
  fs::remove(data() / "tokenizer.model");
  expect_training_refused({(data() / "tokenizer.model").string()});
}

TEST_F(BadData, AVocabularyThatIsNotTheTokenizers) {
  expect_training_refused({SmallWorld::get().dense(), "model.vocabulary: 301", "300"},
                          {"model.vocabulary=301"});
}

TEST_F(BadData, TextThatIsNoText) {
  expect_text_refused("a.txt", "fine\nfine\nnot \xff fine\n", {"a.txt:3: not UTF-8"});
  expect_text_refused("a.jsonl", "{\"text\": \"fine\"}\n{\"text\": 7}\n", {"a.jsonl:2: ", "text"});
  expect_text_refused("b.jsonl", "{\"text\": \"fine\"}\n\n[\n", {"b.jsonl:3: not JSON"});
  expect_text_refused("c.jsonl", "{\"text\": \"x\", \"split\": \"test\"}\n", {"c.jsonl:1: split"});
  expect_text_refused("d.jsonl", "{\"text\": \"x\", \"split\": \"validation\"}\n",
                      {"law", "no training documents"});
  expect_text_refused("e.txt", "too little", {"vocabulary: "});
  expect_refusal(alone({"data", "--domain", "law=/no/such", "--out", out().string()}),
                 {"/no/such: there is no such file"}, out());
}

TEST_F(BadData, TextThatIsCompressed) {
  using namespace std::string_literals;
  expect_text_refused("a.jsonl.xz", "\xfd\x37zXZ\0\0\4"s,
                      {"a.jsonl.xz: is compressed (xz)", "xz -dk"});
  expect_text_refused("b.jsonl", "\x1f\x8b\x08\0\0"s,
                      {"b.jsonl: is compressed (gzip)", "gzip -dk"});
  expect_text_refused("c.txt", "\x28\xb5\x2f\xfd\x24"s, {"(zstd)"});
  expect_text_refused("d.txt", "BZh91AY&SY\x11", {"(bzip2)"});
}

// It goes to one side whole, most likely to training.
TEST_F(BadData, ALongDocumentAloneHasNoValidationAndThatIsSaid) {
  const fs::path text = folder() / "long.txt";
  write_file(text, read_file(SmallWorld::get().text("law")));
  const auto prepared = [&](const Words& more) {
    Words words = {"data",
                   "--domain",
                   "law=" + text.string(),
                   "--out",
                   out().string(),
                   "--tokenizer",
                   (SmallWorld::get().data() / "tokenizer.model").string()};
    words.insert(words.end(), more.begin(), more.end());
    return expect_code(0, alone(words));
  };
  const Outcome warned = prepared({});
  EXPECT_NE(warned.out.find(" 0 validation tokens"), std::string::npos) << warned.out;
  EXPECT_NE(warned.err.find("law.h5: no validation tokens: of 1 documents"), std::string::npos)
      << warned.err;
  EXPECT_EQ(prepared({"--validation-share", "0"}).err.find("warning"), std::string::npos);
}

TEST_F(BadData, ATokenizerToUseThatIsNone) {
  const fs::path text = SmallWorld::get().text("law");
  expect_refusal(alone({"data", "--domain", "law=" + text.string(), "--out", out().string(),
                        "--tokenizer", text.string()}),
                 {text.string() + ": not a SentencePiece model"}, out());
  // One that SentencePiece takes, and would follow out of its memory.
  MadeTokenizerRules rules("brown", "red");
  rules.lead(0, std::size_t{1} << 20);
  const fs::path hostile = folder() / "hostile.model";
  write_file(hostile, rules.model());
  expect_refusal(alone({"data", "--domain", "law=" + text.string(), "--out", out().string(),
                        "--tokenizer", hostile.string()}),
                 {hostile.string() + ": normalizer_spec.precompiled_charsmap: unit 0 of 1792 leads "
                                     "to unit 1048576"},
                 out());
}

TEST_F(BadData, CheckpointsToStartFrom) {
  const fs::path wide = folder() / "wide";
  expect_code(0, alone(train(SmallWorld::get().dense(), wide,
                             settings({"training.steps=1", "model.d_model=64"}))));
  expect_training_refused({(wide / "step-1").string(), "d_model", "64", "32"},
                          {"init_from=" + wide.string()});
  expect_training_refused({(wide / "step-1").string(), "d_model"},
                          {"init_from=" + (wide / "step-1").string()});
  expect_training_refused({"/no/such: is no checkpoint"}, {"init_from=/no/such"});
  flip(wide / "step-1" / "data.h5", fs::file_size(wide / "step-1" / "data.h5") / 8);  // a weight
  expect_training_refused({(wide / "step-1" / "data.h5").string(), "damaged"},
                          {"model.d_model=64", "init_from=" + wide.string()});
  flip(wide / "step-1" / "manifest", 100);
  expect_training_refused({(wide / "step-1" / "manifest").string(), "damaged"},
                          {"init_from=" + wide.string()});
  for (const Words& command : {Words{"generate", wide.string()}, Words{"inspect", wide.string()},
                               Words{"eval", wide.string(), "--data", "law=" + law().string()}}) {
    expect_refusal(alone(command), {(wide / "step-1" / "manifest").string(), "damaged"}, out());
  }
}

TEST_F(BadData, CheckpointsThatDoNotMakeAMixture) {
  const auto trained = [&](const std::string& name, const std::string& config,
                           const Words& assignments) {
    Words all = {"training.steps=1"};
    all.insert(all.end(), assignments.begin(), assignments.end());
    expect_code(0, alone(train(config, folder() / name, settings(all))));
    return (folder() / name).string();
  };
  const SmallWorld& world = SmallWorld::get();
  const std::string seed = trained("seed", world.dense(), {});
  const std::string wide = trained("wide", world.dense(), {"model.ffn_hidden=64"});
  const std::string mixture = trained("mixture", world.btx(), {});
  const auto refused = [&](const Words& parents, const Words& parts) {
    Words words = {"upcycle", "--config", world.btx(), "--out", out().string(), "--parents"};
    words.insert(words.end(), parents.begin(), parents.end());
    expect_refusal(alone(words), parts, out());
  };
  refused({seed, wide}, {wide, "ffn_hidden"});
  refused({seed, mixture}, {mixture, "is a mixture"});
  refused({seed}, {"--parents: 1"});
  refused({seed, seed, seed, seed, seed},
          {world.btx(), "model.mixture.ffn.experts: 4", "5 parents"});
  refused({seed, "/no/such"}, {"/no/such: is no checkpoint"});
  expect_refusal(alone({"upcycle", "--config", world.dense(), "--out", out().string(), "--parents",
                        seed, seed}),
                 {world.dense(), "model.mixture: missing"}, out());
}

TEST_F(BadData, EvaluationOfWhatWasMadeWithAnotherTokenizer) {
  const fs::path run = folder() / "run";
  const fs::path other = folder() / "other";
  expect_code(0, alone(train(SmallWorld::get().dense(), run, settings({"training.steps=1"}))));
  expect_code(0, alone({"data", "--domain", "law=" + SmallWorld::get().text("law").string(),
                        "--out", other.string(), "--vocabulary", "290"}));
  expect_refusal(alone({"eval", run.string(), "--data", "law=" + (other / "law.h5").string(),
                        "--json", (out() / "scores.json").string()}),
                 {(other / "law.h5").string(), "another tokenizer"}, out());
}

}  // namespace
}  // namespace bam
