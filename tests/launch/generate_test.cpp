// `bam generate`: the text that the model makes likely, as it comes.
#include <gtest/gtest.h>

#include <algorithm>

#include "io/tokenizer.h"
#include "launch/loaded_model.h"
#include "runtime/attention.h"
#include "tests/launch/mixed_run.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPrompt = "whereas the party shall";

Outcome generated(const fs::path& checkpoint, const Words& more) {
  Words words = {"generate", checkpoint.string(), "--prompt", kPrompt};
  words.insert(words.end(), more.begin(), more.end());
  return expect_code(0, alone(words));
}

/// A model as evaluation runs it: every token of the sequence anew, no cache.
class WholeSequences {
 public:
  explicit WholeSequences(const fs::path& checkpoint)
      : checkpoint_(checkpoint),
        tokenizer_(Tokenizer::from_bytes(checkpoint_.tokenizer(), "checkpoint")),
        model_(stream_, checkpoint_, alone_, Precision::kFloat32) {}

  /// The prompt continued by the likeliest token, again and again.
  std::string continued(const std::string& prompt, int count) {
    std::vector<std::int32_t> tokens = tokenizer_.encode(prompt);
    tokens.insert(tokens.begin(), tokenizer_.bos());
    std::string text = prompt;
    for (int i = 0; i < count; ++i) {
      tokens.push_back(likeliest_after(tokens));
      if (tokens.back() == tokenizer_.eos()) {
        break;
      }
      text += tokenizer_.bytes_of(tokens.back());
    }
    return text;
  }

 private:
  /// The token whose negative log-likelihood after the last one is the least.
  std::int32_t likeliest_after(const std::vector<std::int32_t>& tokens) {
    const Batch batch = batch_of(tokens);
    Saved saved;
    model_.transformer().forward(stream_, batch, Keep::kNothing, saved);
    std::vector<float> costs;
    for (std::int32_t id = 0; id < tokenizer_.vocabulary(); ++id) {
      batch.targets.span<std::int32_t>().back() = id;
      costs.push_back(model_.transformer().losses(stream_, batch, saved).span<float>().back());
    }
    return static_cast<std::int32_t>(std::ranges::min_element(costs) - costs.begin());
  }

  Batch batch_of(const std::vector<std::int32_t>& tokens) {
    const auto rows = static_cast<std::int64_t>(tokens.size());
    Batch batch{1,
                rows,
                {stream_, {rows}, DType::kInt32},
                {stream_, {rows}, DType::kInt32},
                {stream_, {rows}, DType::kInt32},
                {0},
                {1},
                {AttentionShape::kWhole}};
    std::ranges::copy(tokens, batch.tokens.data<std::int32_t>());
    std::ranges::fill(batch.targets.span<std::int32_t>(), 0);
    std::ranges::fill(batch.document_starts.span<std::int32_t>(), 0);
    return batch;
  }

  Memory memory_;
  Stream stream_{memory_};
  LocalExchange alone_;
  CheckpointReader checkpoint_;
  Tokenizer tokenizer_;
  LoadedModel model_;
};

TEST(MixedRunGenerate, GreedyTextIsWhatEvaluationFindsLikeliest) {
  for (const char* model : {"seed", "expert_kv", "shared_kv", "btx"}) {
    const fs::path run = MixedRun::get().run(model);
    const Outcome greedy = generated(run, {"--temperature", "0", "--tokens", "20"});
    EXPECT_EQ(greedy.out, WholeSequences(run).continued(kPrompt, 20) + "\n") << model;
  }
}

TEST(MixedRunGenerate, TheSameSeedGivesTheSameText) {
  const fs::path run = MixedRun::get().run("expert_kv");
  const auto text = [&](const char* seed) {
    return generated(run, {"--seed", seed, "--temperature", "1.5", "--tokens", "40"}).out;
  };
  EXPECT_EQ(text("7"), text("7"));
  EXPECT_NE(text("7"), text("8"));
}

TEST(MixedRunGenerate, ASmallTopPLeavesTheLikeliestAlone) {
  const fs::path run = MixedRun::get().run("seed");
  EXPECT_EQ(generated(run, {"--top-p", "0.0001", "--temperature", "1", "--tokens", "20"}).out,
            generated(run, {"--temperature", "0", "--tokens", "20"}).out);
}

TEST(MixedRunGenerate, StopsAtTheTokensAskedFor) {
  const fs::path run = MixedRun::get().run("seed");
  const std::string one = generated(run, {"--temperature", "0", "--tokens", "1"}).out;
  const std::string two = generated(run, {"--temperature", "0", "--tokens", "2"}).out;
  EXPECT_TRUE(one.starts_with(kPrompt)) << one;
  EXPECT_TRUE(two.starts_with(one.substr(0, one.size() - 1))) << two;
  EXPECT_LT(one.size(), two.size());
}

TEST(MixedRunGenerate, NeedsNoPrompt) {
  const Outcome outcome =
      expect_code(0, alone({"generate", MixedRun::get().run("seed").string(), "--tokens", "5"}));
  EXPECT_GT(outcome.out.size(), 1U);
}

}  // namespace
}  // namespace bam
