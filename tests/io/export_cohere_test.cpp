#include "io/export_cohere.h"

#include <gtest/gtest.h>

#include "runtime/dtype.h"
#include "tests/io/made_cohere.h"
#include "tests/io/tiny_checkpoint.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

/// A dense checkpoint of 320 pieces with more than one tile in its FFN weights, filled by salt.
void write_dense(const fs::path& folder, bool tied, double salt = 0) {
  CheckpointInfo info{.step = 7,
                      .tokens_phase = 70,
                      .tokens_cumulative = 70,
                      .config = tiny_run_config(),
                      .tokenizer = made_tokenizer_320().model(),
                      .parents = {}};
  proto::ModelConfig& model = *info.config.mutable_model();
  model.set_vocabulary(320);
  model.set_n_layers(1);
  model.set_ffn_hidden(33000);
  model.set_tied_embeddings(tied);
  write_filled(folder, info, salt);
}

void expect_same_weights(const CheckpointReader& left, const CheckpointReader& right) {
  ASSERT_EQ(left.specs().size(), right.specs().size());
  for (const ParameterSpec& spec : left.specs()) {
    ASSERT_EQ(weight_of(left, spec.name()), weight_of(right, spec.name())) << spec.name();
  }
}

struct RoundTrip {
  bool tied;
  std::int64_t shard_bytes;
  double logit_scale;
  int files;
};

void PrintTo(const RoundTrip& trip, std::ostream* out) {
  *out << (trip.tied ? "tied" : "untied") << ", " << trip.files << " files, scale "
       << trip.logit_scale;
}

class ExportTest : public testing::TestWithParam<RoundTrip> {};

TEST_P(ExportTest, RoundTripIsBitExact) {
  const RoundTrip& trip = GetParam();
  const TemporaryFolder folder;
  write_dense(folder / "run", trip.tied);
  const ExportSummary written = export_cohere({.checkpoint = folder / "run",
                                               .out = folder / "hf",
                                               .shard_bytes = trip.shard_bytes,
                                               .logit_scale = trip.logit_scale});
  EXPECT_EQ(written.files, trip.files);
  import_cohere({.model = folder / "hf",
                 .tokenizer = folder / "hf" / "tokenizer.model",
                 .out = folder / "back"});
  const CheckpointReader run(folder / "run");
  const CheckpointReader back(folder / "back");
  expect_same_weights(run, back);
  check_same_model(back.config().model, run.config().model, back.path());
  EXPECT_EQ(back.tokenizer(), run.tokenizer());
}

INSTANTIATE_TEST_SUITE_P(ShardsAndScales, ExportTest,
                         testing::Values(RoundTrip{false, 5'000'000'000, 1.0, 1},
                                         RoundTrip{true, 5'000'000'000, 0.0625, 1},
                                         RoundTrip{false, 1'200'000, 1.0, 3},
                                         RoundTrip{true, 1, 1.0, 10}));

TEST(ExportCohere, FilesAreWhatTheFormatSays) {
  const TemporaryFolder folder;
  write_dense(folder / "run", /*tied=*/false);
  export_cohere({.checkpoint = folder / "run",
                 .out = folder / "hf",
                 .shard_bytes = 1'200'000,
                 .logit_scale = 0.5});
  const auto config = nlohmann::json::parse(read_file(folder / "hf" / "config.json"));
  EXPECT_EQ(config["architectures"], nlohmann::json({"CohereForCausalLM"}));
  EXPECT_EQ(config["hidden_size"], 8);
  EXPECT_EQ(config["num_key_value_heads"], 1);
  EXPECT_EQ(config["logit_scale"], 0.5);
  EXPECT_EQ(config["tie_word_embeddings"], false);
  EXPECT_EQ(config["bos_token_id"], 1);
  const auto index =
      nlohmann::json::parse(read_file(folder / "hf" / "model.safetensors.index.json"));
  const std::string file = index["weight_map"]["model.norm.weight"];
  const std::string bytes = read_file(folder / "hf" / file);
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  const auto header = nlohmann::json::parse(bytes.substr(8, length));
  EXPECT_EQ(header["__metadata__"]["format"], "pt");
  const auto& norm = header["model.norm.weight"];
  EXPECT_EQ(norm["dtype"], "F32");
  EXPECT_EQ(norm["shape"], nlohmann::json({8}));
  float first = 0;
  std::memcpy(&first, bytes.data() + 8 + length + norm["data_offsets"][0].get<std::size_t>(), 4);
  EXPECT_EQ(first, 2 * weight_of(CheckpointReader(folder / "run"), "final_norm")[0]);
  EXPECT_EQ(read_file(folder / "hf" / "tokenizer.model"), made_tokenizer_320().model());
}

TEST(ExportCohere, BFloat16IsRoundedToNearest) {
  const TemporaryFolder folder;
  write_dense(folder / "run", /*tied=*/true);
  export_cohere(
      {.checkpoint = folder / "run", .out = folder / "hf", .type = SafetensorsType::kBFloat16});
  import_cohere({.model = folder / "hf",
                 .tokenizer = folder / "hf" / "tokenizer.model",
                 .out = folder / "back"});
  const std::vector<float> before = weight_of(CheckpointReader(folder / "run"), "layers.0.ffn.up");
  const std::vector<float> after = weight_of(CheckpointReader(folder / "back"), "layers.0.ffn.up");
  for (std::size_t i = 0; i < before.size(); ++i) {
    ASSERT_EQ(after[i], static_cast<float>(bfloat16(before[i])));
  }
}

TEST(ExportCohere, WhatCannotBeExported_IsRefusedAndLeavesNothing) {
  const TemporaryFolder folder;
  write_filled(
      folder / "mixture",
      {.step = 1, .config = tiny_run_config(kTinyMixture), .tokenizer = "t", .parents = {}});
  EXPECT_THROW(export_cohere({.checkpoint = folder / "mixture", .out = folder / "hf"}), BadInput);
  write_dense(folder / "run", /*tied=*/true);
  EXPECT_THROW(
      export_cohere({.checkpoint = folder / "run", .out = folder / "hf", .logit_scale = 0.7}),
      BadInput);
  EXPECT_THROW(
      export_cohere({.checkpoint = folder / "run", .out = folder / "hf", .shard_bytes = 0}),
      BadInput);
  EXPECT_FALSE(fs::exists(folder / "hf"));
  EXPECT_THROW(export_cohere({.checkpoint = folder / "mixture", .out = folder / "run"}), BadInput);
  EXPECT_THROW(export_cohere({.checkpoint = folder / "run", .out = folder / "run"}), BadInput);
  std::string bytes = read_file(folder / "run" / "step-7" / "data.h5");
  bytes[bytes.size() / 6] = static_cast<char>(bytes[bytes.size() / 6] ^ 1);  // of a weight
  write_file(folder / "run" / "step-7" / "data.h5", bytes);
  EXPECT_THROW(export_cohere({.checkpoint = folder / "run", .out = folder / "hf"}), BadInput);
  EXPECT_FALSE(fs::exists(folder / "hf"));
  EXPECT_FALSE(fs::exists(folder / "hf.partial"));
}

}  // namespace
}  // namespace bam
