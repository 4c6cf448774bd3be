// A config that cannot be used: exit code 2, file, field and value named, nothing written.
#include <gtest/gtest.h>

#include "io/text_file.h"
#include "tests/launch/refusal.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

class BadConfig : public ::testing::Test {
 protected:
  /// `bam inspect`, which starts quickest, refuses the text and names the file.
  void expect_text_refused(const std::string& text, Words parts) {
    write_file(file(), text);
    parts.push_back(file());
    expect_refusal(alone({"inspect", file()}), parts, out());
  }

  /// So does `bam train`.
  void expect_run_refused(const std::string& text, Words parts) {
    write_file(file(), text);
    parts.push_back(file());
    expect_refusal(alone(train(file(), out())), parts, out());
  }

  /// `bam train` on ranks refuses the mixture's config with these changes.
  void expect_values_refused(int ranks, const Words& assignments, Words parts) {
    const std::string config = SmallWorld::get().expert_kv();
    parts.push_back(config);
    expect_refusal(on_ranks(ranks, train(config, out(), settings(assignments))), parts, out());
  }

  fs::path plan(const std::string& text) const {
    write_file(folder_ / "plan", text);
    return folder_ / "plan";
  }

  std::string file() const { return folder_ / "run.textproto"; }
  fs::path out() const { return folder_ / "out"; }

 private:
  TemporaryFolder folder_;
};

TEST_F(BadConfig, NamesLineAndColumnOfWhatIsNoConfig) {
  const std::string good = read_file(SmallWorld::get().dense());
  expect_text_refused("model {\n  n_layer: 2 }", {":2:", "n_layer"});
  expect_text_refused(good + "init_from: 'a'\ninit_from: 'b'", {"init_from"});
  expect_text_refused(good + "training { steps: 3 }", {"training"});
  expect_text_refused("model { d_model: 99999999999999999999 }", {":1:", "99999999999999999999"});
  expect_text_refused("model { d_model: \"wide\" }", {":1:", "wide"});
  expect_text_refused(good + "init_from: '\xff'", {"UTF-8"});
  expect_text_refused("\xff\xfe", {":1:1:"});
  expect_run_refused("model {\n  n_layer: 2 }", {":2:", "n_layer"});
  expect_run_refused(good + "init_from: '\xff'", {"UTF-8"});
}

TEST_F(BadConfig, NestingAndSizeHaveBounds) {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) {
    deep += "model { ";
  }
  expect_text_refused(deep, {":1:"});
  expect_text_refused("init_from: '" + std::string(17 << 20, 'x') + "'", {"17825", "too many"});
  // A megabyte of nothing is no harm: the first thing that lacks is named.
  expect_text_refused(std::string(1 << 20, ' '), {"model.vocabulary: 0"});
  expect_text_refused("#" + std::string(1 << 20, '#'), {"model.vocabulary: 0"});
}

TEST_F(BadConfig, NamesWhatIsMissing) {
  expect_run_refused("", {"model.vocabulary: 0"});
  expect_run_refused("model { vocabulary: 300 d_model: 8 n_layers: 1 n_heads: 2 ffn_hidden: 8 }",
                     {"data.domains: none"});
  const std::string config = SmallWorld::get().dense();
  for (const char* field : {"training.steps", "optimizer.learning_rate", "data.sequence_length"}) {
    expect_refusal(alone(train(config, out(), settings({std::string(field) + "=0"}))),
                   {config, std::string(field) + ": 0"}, out());
  }
}

TEST_F(BadConfig, NamesFieldAndValueOfWhatIsOutOfRange) {
  expect_values_refused(1, {"model.n_layers=0"}, {"model.n_layers: 0"});
  expect_values_refused(1, {"model.d_model=4611686018427387904"}, {"model.d_model: 4611686018"});
  expect_values_refused(1, {"model.mixture.ffn.experts=0"}, {"model.mixture.ffn.experts: 0"});
  expect_values_refused(1, {"model.mixture.ffn.top_k=5"}, {"model.mixture.ffn.top_k: 5"});
  expect_values_refused(
      1, {"model.mixture.attention.routing=TOP_K", "model.mixture.attention.top_k=5"},
      {"model.mixture.attention.top_k: 5"});
  expect_values_refused(1, {"optimizer.learning_rate=nan"}, {"optimizer.learning_rate: nan"});
  expect_values_refused(1, {"training.steps=-8"}, {"training.steps: -8"});
  expect_values_refused(1, {"data.domains[1].share=0.0001"}, {"data.domains", "code", "0.0001"});
  expect_values_refused(1, {"data.sequence_length=1000000"}, {"data.sequence_length", "law"});
}

TEST_F(BadConfig, RanksThatDoNotFitEndTheWholeJob) {
  expect_values_refused(2, {"parallel.expert_parallel=3"},
                        {"parallel.expert_parallel: 3", "2 ranks"});
  expect_values_refused(2, {"model.n_layers=0"}, {"model.n_layers: 0"});
  expect_values_refused(3, {"parallel.expert_parallel=2"},
                        {"parallel.expert_parallel: 2", "3 ranks"});
}

// Not by every rank, and with mpirun's own words no more than once: it may find no room for them.
TEST_F(BadConfig, WhatAllRanksRefuseIsSaidOnce) {
  const std::string config = SmallWorld::get().expert_kv();
  const Outcome outcome =
      expect_code(2, on_ranks(3, train(config, out(), settings({"model.n_layers=0"}))));
  const auto times = [&](const std::string& text) {
    int found = 0;
    for (std::size_t at = 0; (at = outcome.err.find(text, at)) != std::string::npos; ++at) {
      ++found;
    }
    return found;
  };
  EXPECT_EQ(times("bam: " + config + ": model.n_layers: 0"), 1) << outcome.err;
  EXPECT_EQ(times("model.n_layers: 0"), 1) << outcome.err;
  EXPECT_LE(times("MPI_ABORT was invoked"), 1) << outcome.err;
  EXPECT_EQ(times("sent help message"), 0) << outcome.err;
}

TEST_F(BadConfig, NamesWhereAPlacementDoesNotFit) {
  const auto refused = [&](const std::string& text, const Words& parts) {
    const fs::path path = plan(text);
    Words all = parts;
    all.push_back(path);
    expect_refusal(on_ranks(2, train(SmallWorld::get().expert_kv(), out(),
                                     settings({"parallel.placement=" + path.string()}))),
                   all, out());
  };
  refused("ranks: 2 layers { attention: [0, 1, 0, 2] ffn: [0, 1, 0, 1] }",
          {"layers[0].attention[3]: 2"});
  refused("ranks: 2 layers { attention: [0, 1, 0, 1] ffn: [0, -1, 0, 1] }",
          {"layers[0].ffn[1]: -1"});
  refused("ranks: 2 layers { attention: [0, 1, 0] ffn: [0, 1, 0, 1] }", {"layers[0].attention: 3"});
  refused("ranks: 3 layers { attention: [0, 1, 0, 1] ffn: [0, 1, 0, 1] }", {"ranks: 3"});
  refused("ranks: 2", {"layers: 0"});
  refused("ranks: two", {":1:"});
}

TEST_F(BadConfig, FilesThatCannotBeReadAreNamed) {
  for (const fs::path& path : {out() / "nowhere.textproto", fs::path("/proc/self")}) {
    expect_refusal(alone(train(path, out())), {path.string(), "cannot be read"}, out());
  }
}

TEST_F(BadConfig, ARecipeIsRefusedBeforeItsFolderIsMade) {
  write_file(file(), "name: 'r' vocabulary: 300 domains { name: 'law' files: 'law.txt' }");
  expect_refusal(alone({"pipeline", "run", file(), "--runs", out().string()}), {file(), "phases"},
                 out());
}

}  // namespace
}  // namespace bam
