// Files that a run left behind and somebody changed: `bam report` and `bam train` refuse them by
// name, or leave out what is torn.
#include <gtest/gtest.h>

#include "io/text_file.h"
#include "tests/launch/refusal.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

const char* const kRecipe =
    "name: 'r' vocabulary: 300 domains { name: 'law' files: 'law.txt' } "
    "base { model { d_model: 8 n_layers: 1 n_heads: 2 ffn_hidden: 8 } data { sequence_length: 4 "
    "domains { name: 'law' } } training { steps: 2 sequences_per_step: 1 } "
    "optimizer { learning_rate: 1 } } phases { name: 'seed' }";

class BadRunFolder : public ::testing::Test {
 protected:
  BadRunFolder() {
    fs::create_directories(run() / "scores");
    write_file(run() / "recipe.textproto", kRecipe);
  }
  void expect_report_refused(const fs::path& file, const std::string& text, Words parts) {
    write_file(file, text);
    parts.push_back(file);
    expect_refusal(alone({"report", run().string()}), parts, run());
    fs::remove(file);
  }
  fs::path run() const { return folder_ / "run"; }

 private:
  TemporaryFolder folder_;
};

TEST_F(BadRunFolder, ReportsNameTheFileThatIsWrong) {
  const fs::path scores = run() / "scores" / "seed.json";
  expect_report_refused(scores, "{", {"parse error"});
  expect_report_refused(scores, "[]", {});
  expect_report_refused(scores, R"({"routing": 7})", {});
  for (const char* layer : {"-1", "1024", "1e300", "18446744073709551615", "\"one\""}) {
    expect_report_refused(
        scores,
        std::string(R"({"routing": [{"kind": "ffn", "domain": "law", "load": [1],)"
                    R"( "layer": )") +
            layer + "}]}",
        {});
  }
  expect_report_refused(run() / "results.json", R"({"domains": [], "models": {}})", {});
  expect_report_refused(run() / "recipe.textproto", "name: 'r' phases {", {":1:"});
}

TEST_F(BadRunFolder, TornAndStrangeMetricsAreLeftOut) {
  fs::remove(run() / "recipe.textproto");
  write_file(run() / "metrics.jsonl",
             "{\"step\":1,\"loss\":5}\nnot JSON\n[1]\n{\"step\":\"two\",\"loss\":{}}\n"
             "{\"step\":3,\"loss\":4,\"validation\":7}\n{\"step\":4,");
  expect_code(0, alone({"report", run().string()}));
}

TEST_F(BadRunFolder, TrainingGoesOnBehindStrangeMetrics) {
  const fs::path out = run() / "dense";
  const auto command = alone(train(SmallWorld::get().dense(), out));
  expect_code(0, command);
  write_file(out / "metrics.jsonl",
             read_file(out / "metrics.jsonl") + "{\"step\":\"nine\"}\n{\"step\":[]}\n\xff\n{");
  expect_code(0, command);
}

}  // namespace
}  // namespace bam
