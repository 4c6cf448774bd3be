// Our dense model and Hugging Face's CohereForCausalLM compute the same logits. Runs where python3
// (or $BAM_OUTSIDE_PYTHON) has torch, transformers and safetensors; elsewhere it is skipped.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <iostream>

#include "io/export_cohere.h"
#include "io/import_cohere.h"
#include "io/text_file.h"
#include "io/text_proto.h"
#include "io/weights_writer.h"
#include "launch/loaded_model.h"
#include "tests/io/made_tokenizer.h"
#include "tests/io/temporary_folder.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

constexpr double kTolerance = 2e-5;  // of the largest logit

std::string python() {
  const char* chosen = std::getenv("BAM_OUTSIDE_PYTHON");
  return chosen == nullptr ? "python3" : chosen;
}

bool runs(const std::string& arguments) {
  return std::system((python() + " " + arguments).c_str()) == 0;
}

std::vector<std::int32_t> some_ids() {
  std::vector<std::int32_t> ids = {1};
  for (std::int32_t i = 1; i < 48; ++i) {
    ids.push_back(3 + (i * 7919) % 317);
  }
  return ids;
}

template <class T>
void write_values(const fs::path& path, const std::vector<T>& values) {
  write_file(path, {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)});
}

std::vector<float> read_values(const fs::path& path) {
  const std::string bytes = read_file(path);
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

/// (tokens, vocabulary): what our model gives after each token.
std::vector<float> our_logits(const fs::path& checkpoint, const std::vector<std::int32_t>& ids) {
  Memory memory;
  Stream stream(memory);
  LocalExchange alone;
  const LoadedModel model(stream, CheckpointReader(checkpoint), alone, Precision::kFloat32);
  KeyValueCache cache(model.config().n_layers, std::ssize(ids));
  std::vector<float> all;
  for (const std::int32_t id : ids) {
    const Tensor token(stream, {1}, DType::kInt32);
    *token.data<std::int32_t>() = id;
    const Tensor logits = model.transformer().next_logits(stream, token, cache);
    all.insert(all.end(), logits.span<float>().begin(), logits.span<float>().end());
  }
  return all;
}

/// A checkpoint of random weights, no two norms' alike.
void write_random(const fs::path& folder, bool tied) {
  CheckpointInfo info;
  parse_text_proto(
      "vocabulary: 320 d_model: 64 n_layers: 3 n_heads: 4 n_kv_heads: 2 "
      "ffn_hidden: 80 rope_theta: 30000 norm_epsilon: 1e-6 init_std: 0.2",
      "model", *info.config.mutable_model());
  info.config.mutable_model()->set_tied_embeddings(tied);
  info.tokenizer = made_tokenizer_320().model();
  Memory memory;
  Stream stream(memory);
  Tensor values;
  write_weights(folder, info, parameter_specs(model_config_of(info.config.model(), "model")),
                [&](const ParameterSpec& spec, const Tile& tile) -> std::span<const float> {
                  ParameterSpec drawn = spec;
                  drawn.init_std = spec.role == Role::kNorm ? 0.5 : spec.init_std;
                  values = initial_values(stream, drawn, 3, tile.begin, tile.end);
                  return values.span<float>();
                });
}

void expect_close(const std::vector<float>& ours, const std::vector<float>& theirs) {
  ASSERT_EQ(ours.size(), theirs.size());
  double largest = 0;
  double apart = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(theirs[i])));
    apart =
        std::max(apart, std::abs(static_cast<double>(ours[i]) - static_cast<double>(theirs[i])));
  }
  std::cout << "logits up to " << largest << ", at most " << apart << " apart\n";
  EXPECT_GT(largest, 0.1);
  EXPECT_LE(apart, kTolerance * largest);
}

class CohereForCausalLm : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    static const bool kHasPackages =
        runs("-c 'import torch, transformers, safetensors' 2>/dev/null");
    if (!kHasPackages) {
      GTEST_SKIP() << python() << " has not torch, transformers and safetensors";
    }
    write_values(folder_ / "ids.i32", some_ids());
  }
  /// Has the script run `verb` on the folder; returns its logits.
  std::vector<float> theirs(const std::string& verb, const fs::path& model,
                            const std::string& options) const {
    EXPECT_TRUE(runs(message_of(BAM_SOURCE_DIR "/tests/outside/cohere.py ", verb, " ",
                                model.string(), " ", (folder_ / "ids.i32").string(), " ",
                                (folder_ / "logits.f32").string(), " ", options, " 2>&1")));
    return read_values(folder_ / "logits.f32");
  }
  TemporaryFolder folder_;
};

TEST_P(CohereForCausalLm, ComputesWhatOurExportedModelComputes) {
  write_random(folder_ / "run", GetParam());
  export_cohere({.checkpoint = folder_ / "run",
                 .out = folder_ / "hf",
                 .shard_bytes = 100'000,
                 .logit_scale = 0.25});
  expect_close(our_logits(folder_ / "run", some_ids()), theirs("logits", folder_ / "hf", ""));
}

TEST_P(CohereForCausalLm, IsComputedByOurImportedModel) {
  const std::vector<float> expected = theirs("make", folder_ / "hf", GetParam() ? "tied" : "");
  write_file(folder_ / "sp.model", made_tokenizer_320().model());
  import_cohere(
      {.model = folder_ / "hf", .tokenizer = folder_ / "sp.model", .out = folder_ / "run"});
  expect_close(our_logits(folder_ / "run", some_ids()), expected);
}

INSTANTIATE_TEST_SUITE_P(Embeddings, CohereForCausalLm, testing::Bool(),
                         [](const auto& tested) { return tested.param ? "Tied" : "Untied"; });

}  // namespace
}  // namespace bam
