// A recipe that cannot be used: exit code 2, file, field and value named, nothing written.
#include <gtest/gtest.h>

#include "io/text_file.h"
#include "tests/launch/refusal.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

const std::string kHead =
    "name: 'r' vocabulary: 300 domains { name: 'law' files: 'law.txt' } "
    "base { model { d_model: 8 n_layers: 1 n_heads: 2 ffn_hidden: 8 } data { sequence_length: 4 "
    "domains { name: 'law' } } training { steps: 2 sequences_per_step: 1 } "
    "optimizer { learning_rate: 1 } } ";
const std::string kSeed = "phases { name: 'seed' } ";

class BadRecipe : public ::testing::Test {
 protected:
  void expect_refused(const std::string& text, Words parts, const Words& more = {}) {
    const fs::path file = folder_ / "recipe.textproto";
    const fs::path runs = folder_ / "runs";
    write_file(file, text);
    parts.push_back(file);
    Words words = {"pipeline", "run", file.string(), "--runs", runs.string()};
    words.insert(words.end(), more.begin(), more.end());
    expect_refusal(alone(words), parts, runs);
  }

 private:
  TemporaryFolder folder_;
};

TEST_F(BadRecipe, TextThatIsNoRecipe) {
  expect_refused("", {"name"});
  expect_refused("name: 'r'\nphase {}", {":2:", "phase"});
  expect_refused(kHead + kSeed + "name: 's'", {"name"});
  expect_refused(kHead + kSeed + "ranks: 99999999999999999999", {"99999999999999999999"});
  expect_refused(kHead + "phases { name: 'caf\xe9' }", {"UTF-8"});
  expect_refused(kHead + kSeed + "validation_share: 'much'", {"much"});
  std::string deep;
  for (int i = 0; i < 1000; ++i) {
    deep += "base { ";
  }
  expect_refused(kHead + deep, {":1:"});
}

TEST_F(BadRecipe, ValuesThatAreOutOfRange) {
  expect_refused(kHead + kSeed, {"model.n_layers: 0"}, {"--set", "base.model.n_layers=0"});
  expect_refused(kHead + kSeed, {"vocabulary: -5"}, {"--set", "vocabulary=-5"});
  expect_refused(kHead + kSeed, {"ranks: -1"}, {"--set", "ranks=-1"});
  expect_refused(kHead + kSeed, {"evaluation_tokens: -1"}, {"--set", "evaluation_tokens=-1"});
  expect_refused(kHead + kSeed, {"optimizer.learning_rate: nan"},
                 {"--set", "base.optimizer.learning_rate=nan"});
  expect_refused(kHead + kSeed, {"training.steps: 1099511627776"},
                 {"--set", "base.training.steps=1099511627776", "--set",
                  "base.training.sequences_per_step=1073741824"});
}

TEST_F(BadRecipe, NamesAndParentsThatAreNone) {
  expect_refused(kHead + "phases { name: '../seed' }", {"phases[0].name", "../seed"});
  expect_refused(kHead + "phases { name: 'data' }", {"phases[0].name", "data"});
  expect_refused(kHead + kSeed + kSeed, {"phases[1].name: seed is there twice"});
  expect_refused(kHead + kSeed + "phases { name: 'b' kind: BRANCH parents: 'x' }",
                 {"phases[1].parents: x"});
  expect_refused(kHead + kSeed + "phases { name: 'm' kind: MIXTURE parents: 'seed' }",
                 {"phases[1].parents"});
  expect_refused(kHead + "phases { name: 's' config { data { domains { name: 'math' } } } }",
                 {"phases[0].config.data.domains: math"});
}

}  // namespace
}  // namespace bam
