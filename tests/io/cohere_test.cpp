#include <gtest/gtest.h>

#include <bit>
#include <functional>

#include "io/checkpoint_reader.h"
#include "io/cohere_config.h"
#include "io/export_cohere.h"
#include "io/import_cohere.h"
#include "io/logit_scale.h"
#include "io/safetensors_file.h"
#include "io/upcycle_checkpoint.h"
#include "runtime/dtype.h"
#include "tests/io/made_safetensors.h"
#include "tests/io/made_tokenizer.h"
#include "tests/io/temporary_folder.h"
#include "tests/io/tiny_checkpoint.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

nlohmann::json tiny_config() {
  return {{"model_type", "cohere"},      {"architectures", {"CohereForCausalLM"}},
          {"vocab_size", 320},           {"hidden_size", 8},
          {"num_hidden_layers", 2},      {"num_attention_heads", 4},
          {"num_key_value_heads", 2},    {"intermediate_size", 6},
          {"logit_scale", 0.0625},       {"layer_norm_eps", 1e-6},
          {"rope_theta", 50000.0},       {"hidden_act", "silu"},
          {"tie_word_embeddings", true}, {"attention_bias", false},
          {"use_qk_norm", false},        {"torch_dtype", "float32"}};
}

struct NamedTensor {
  std::string name;
  std::vector<std::int64_t> shape;
};

/// The tensors of a CohereForCausalLM of tiny_config, as that library names them.
std::vector<NamedTensor> tiny_tensors(bool tied) {
  std::vector<NamedTensor> tensors = {{"model.embed_tokens.weight", {320, 8}},
                                      {"model.norm.weight", {8}}};
  if (!tied) {
    tensors.push_back({"lm_head.weight", {320, 8}});
  }
  for (const std::string layer : {"model.layers.0.", "model.layers.1."}) {
    tensors.push_back({layer + "input_layernorm.weight", {8}});
    tensors.push_back({layer + "self_attn.q_proj.weight", {8, 8}});
    tensors.push_back({layer + "self_attn.k_proj.weight", {4, 8}});
    tensors.push_back({layer + "self_attn.v_proj.weight", {4, 8}});
    tensors.push_back({layer + "self_attn.o_proj.weight", {8, 8}});
    tensors.push_back({layer + "mlp.gate_proj.weight", {6, 8}});
    tensors.push_back({layer + "mlp.up_proj.weight", {6, 8}});
    tensors.push_back({layer + "mlp.down_proj.weight", {8, 6}});
  }
  return tensors;
}

std::int64_t elements(const NamedTensor& tensor) {
  return elements_of(Shape(tensor.shape.begin(), tensor.shape.end()));
}

/// Stored bits of element i of the t-th tensor: finite values with all mantissa bits in use.
std::uint32_t fp32_bits(std::size_t t, std::int64_t i) {
  const auto mixed =
      static_cast<std::uint32_t>(t * 7919 + static_cast<std::size_t>(i)) * 2654435761U;
  return (mixed & 0x807fffffU) | (120U + (mixed >> 24 & 7U)) << 23;
}
std::uint16_t half_bits(std::size_t t, std::int64_t i) {
  return static_cast<std::uint16_t>((fp32_bits(t, i) >> 9 & 0x83ffU) | (10U + i % 8) << 10);
}

struct Folder {
  TemporaryFolder root;
  nlohmann::json config = tiny_config();
  std::vector<NamedTensor> tensors = tiny_tensors(true);

  fs::path model() const { return root / "model"; }
  fs::path tokenizer() const { return root / "sp.model"; }
  fs::path out() const { return root / "out"; }

  std::string stored(const std::string& dtype, std::size_t t) const {
    std::string bytes;
    for (std::int64_t i = 0; i < elements(tensors[t]); ++i) {
      const std::uint32_t wide = fp32_bits(t, i);
      const std::uint16_t narrow =
          dtype == "F16" ? half_bits(t, i) : static_cast<std::uint16_t>(wide >> 16);
      bytes += dtype == "F32" ? bytes_of_values<std::uint32_t>({wide})
                              : bytes_of_values<std::uint16_t>({narrow});
    }
    return bytes;
  }
  /// The value that element i of tensor t stands for.
  float value(const std::string& dtype, std::size_t t, std::int64_t i) const {
    const std::uint32_t wide = fp32_bits(t, i);
    if (dtype == "F32") {
      return std::bit_cast<float>(wide);
    }
    if (dtype == "BF16") {
      return std::bit_cast<float>(wide & 0xffff0000U);
    }
    const std::uint16_t half = half_bits(t, i);
    const double magnitude = std::ldexp(1024 + (half & 1023), (half >> 10 & 31) - 25);
    return static_cast<float>(half >> 15 ? -magnitude : magnitude);
  }
  void write(const std::string& dtype) const {
    fs::create_directories(model());
    MadeSafetensors file;
    for (std::size_t t = 0; t < tensors.size(); ++t) {
      file.add(tensors[t].name, dtype, tensors[t].shape, stored(dtype, t));
    }
    file.write(model() / "model.safetensors");
    write_file(model() / "config.json", config.dump());
    write_file(tokenizer(), made_tokenizer_320().model());
  }
  void import() const { import_cohere({.model = model(), .tokenizer = tokenizer(), .out = out()}); }
  std::string refusal() const {
    write("F32");
    try {
      import();
    } catch (const BadInput& error) {
      EXPECT_FALSE(fs::exists(out())) << error.what();
      return error.what();
    }
    return "";
  }
};

std::vector<float> weight(const CheckpointReader& reader, const std::string& name) {
  for (const ParameterSpec& spec : reader.specs()) {
    if (spec.name() == name) {
      std::vector<float> out(static_cast<std::size_t>(spec.elements()));
      reader.read(StateKind::kWeight, spec, 0, spec.elements(), out);
      return out;
    }
  }
  ADD_FAILURE() << "no " << name;
  return {};
}

/// Our name of each of tiny_tensors.
std::string our_name(const std::string& name) {
  static const std::map<std::string, std::string> kNames = {
      {"embed_tokens", "embedding"}, {"norm", "final_norm"},    {"lm_head", "output"},
      {"input_layernorm", "norm"},   {"q_proj", "attention.q"}, {"k_proj", "attention.k"},
      {"v_proj", "attention.v"},     {"o_proj", "attention.o"}, {"gate_proj", "ffn.gate"},
      {"up_proj", "ffn.up"},         {"down_proj", "ffn.down"}};
  const std::string stem = name.substr(0, name.rfind('.'));
  const std::string last = stem.substr(stem.rfind('.') + 1);
  const std::string layer = name.starts_with("model.layers.") ? name.substr(6, 9) : "";
  return layer + kNames.at(last);
}

class ImportTest : public testing::TestWithParam<std::tuple<std::string, bool>> {};

TEST_P(ImportTest, WeightsAreTheStoredValuesExactly) {
  const auto& [dtype, tied] = GetParam();
  Folder folder;
  folder.tensors = tiny_tensors(tied);
  folder.config["tie_word_embeddings"] = tied;
  folder.write(dtype);
  folder.import();
  const CheckpointReader made(folder.out());
  made.verify();
  for (std::size_t t = 0; t < folder.tensors.size(); ++t) {
    const std::string name = our_name(folder.tensors[t].name);
    const std::vector<float> values = weight(made, name);
    const float scale = name == "final_norm" ? 0.0625F : 1.0F;  // the logit scale
    for (std::int64_t i = 0; i < elements(folder.tensors[t]); ++i) {
      ASSERT_EQ(values.at(static_cast<std::size_t>(i)), scale * folder.value(dtype, t, i))
          << name << " " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(TypesAndTying, ImportTest,
                         testing::Combine(testing::Values("F32", "BF16", "F16"), testing::Bool()));

TEST(ImportCohere, KeepsShapeTokenizerAndOrigin) {
  Folder folder;
  folder.write("F32");
  folder.import();
  const CheckpointReader made(folder.out());
  const ModelConfig& model = made.config().model;
  EXPECT_EQ(model.vocabulary, 320);
  EXPECT_EQ(model.n_kv_heads, 2);
  EXPECT_EQ(model.rope_theta, 50000.0);
  EXPECT_EQ(model.norm_epsilon, 1e-6);
  EXPECT_TRUE(model.tied_embeddings);
  EXPECT_EQ(made.tokenizer(), made_tokenizer_320().model());
  EXPECT_EQ(made.step(), 0);
  EXPECT_EQ(made.lineage().made_by(), "import");
  EXPECT_FALSE(made.has(StateKind::kFirstMoment, made.specs().front()));
}

TEST(ImportCohere, LeftOutFieldsHaveThatClassesDefaults) {
  Folder folder;
  for (const char* name : {"logit_scale", "layer_norm_eps", "rope_theta", "tie_word_embeddings",
                           "num_key_value_heads", "hidden_act"}) {
    folder.config.erase(name);
  }
  folder.config["rope_scaling"] = nullptr;
  folder.write("F32");
  const CohereConfig config = read_cohere_config(folder.model() / "config.json");
  EXPECT_EQ(config.logit_scale, 0.0625);
  EXPECT_EQ(config.model.norm_epsilon(), 1e-5);
  EXPECT_EQ(config.model.rope_theta(), 10000.0);
  EXPECT_EQ(config.model.n_kv_heads(), 4);
  EXPECT_TRUE(config.model.tied_embeddings());
}

TEST(ImportCohere, NewSpellingOfRotaryPositionsIsRead) {
  Folder folder;
  folder.config.erase("rope_theta");
  folder.config["rope_parameters"] = {{"rope_theta", 75000.0}, {"rope_type", "default"}};
  folder.write("F32");
  EXPECT_EQ(read_cohere_config(folder.model() / "config.json").model.rope_theta(), 75000.0);
}

TEST(ImportCohere, WhatOurModelDoesNotCompute_IsRefusedByField) {
  const std::vector<std::tuple<const char*, nlohmann::json, const char*>> bad = {
      {"model_type", "cohere2", "model_type: \"cohere2\" where \"cohere\""},
      {"model_type", nullptr, "model_type: is missing"},
      {"architectures", {"LlamaForCausalLM"}, "architectures: [\"LlamaForCausalLM\"]"},
      {"use_qk_norm", true, "use_qk_norm: true where false"},
      {"attention_bias", true, "attention_bias: true where false"},
      {"hidden_act", "gelu", "hidden_act: \"gelu\""},
      {"head_dim", 16, "head_dim: 16 where 2"},
      {"rope_scaling", {{"type", "linear"}, {"factor", 2.0}}, "rope_scaling: "},
      {"rope_parameters", {{"rope_type", "yarn"}, {"rope_theta", 1e4}}, "rope_type: \"yarn\""},
      {"quantization_config", {{"bits", 4}}, "quantization_config"},
      {"sliding_window", 4096, "sliding_window: 4096"},
      {"logit_scale", 0.7, "logit_scale: 0.7 cannot go into the final norm"},
      {"logit_scale", -1.0, "logit_scale: -1"},
      {"logit_scale", "big", "logit_scale: \"big\" where a number"},
      {"hidden_size", 0, "hidden_size: 0"},
      {"hidden_size", -8, "hidden_size: -8"},
      {"hidden_size", 8.5, "hidden_size: 8.5 where a whole number"},
      {"hidden_size", nullptr, "hidden_size: is missing"},
      {"hidden_size", 18446744073709551615U, "hidden_size: 18446744073709551615"},
      {"num_hidden_layers", 1e6, "num_hidden_layers"},
      {"num_hidden_layers", 1000000, "n_layers: 1000000"},
      {"num_key_value_heads", 3, "n_kv_heads: 3 does not divide"},
      {"tie_word_embeddings", "yes", "tie_word_embeddings: \"yes\""},
      {"vocab_size", 321, "320 pieces where the embedding has 321"}};
  for (const auto& [field, value, expected] : bad) {
    Folder folder;
    folder.config[field] = value;
    folder.tensors[0].shape[0] = folder.config.value("vocab_size", 320);
    const std::string refusal = folder.refusal();
    EXPECT_NE(refusal.find(expected), std::string::npos) << field << ": " << refusal;
  }
}

TEST(ImportCohere, TensorsThatDoNotFit_AreRefusedByName) {
  Folder missing;
  missing.tensors.pop_back();
  EXPECT_NE(missing.refusal().find("has no tensor \"model.layers.1.mlp.down_proj.weight\""),
            std::string::npos);
  Folder reshaped;
  reshaped.tensors.back().shape = {6, 8};
  EXPECT_NE(reshaped.refusal().find("shape (6, 8) where (8, 6) was expected"), std::string::npos);
  Folder more;
  more.tensors.push_back({"model.layers.0.self_attn.q_proj.bias", {8}});
  EXPECT_NE(more.refusal().find("q_proj.bias\": is no weight"), std::string::npos);
  Folder untied;
  untied.config["tie_word_embeddings"] = false;
  EXPECT_NE(untied.refusal().find("lm_head.weight"), std::string::npos);
}

TEST(ImportCohere, BadFilesAreRefusedAndLeaveNothing) {
  Folder folder;
  folder.write("F32");
  write_file(folder.model() / "config.json", R"({"model_type":"cohere","model_type":"cohere"})");
  EXPECT_THROW(folder.import(), BadInput);
  folder.write("F32");
  write_file(folder.tokenizer(), "no model");
  EXPECT_THROW(folder.import(), BadInput);
  folder.write("F32");
  fs::remove(folder.model() / "model.safetensors");
  EXPECT_THROW(folder.import(), BadInput);
  fs::remove(folder.model() / "config.json");
  EXPECT_THROW(folder.import(), BadInput);
  EXPECT_FALSE(fs::exists(folder.out()));
}

TEST(ImportCohere, ATrainedCheckpointIsNotHidden) {
  Folder folder;
  folder.write("F32");
  write_filled(folder.out(),
               {.step = 5, .config = tiny_run_config(), .tokenizer = "t", .parents = {}});
  EXPECT_THROW(folder.import(), BadInput);
  EXPECT_EQ(CheckpointReader(folder.out()).step(), 5);
}

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
    ASSERT_EQ(weight(left, spec.name()), weight(right, spec.name())) << spec.name();
  }
}

struct RoundTrip {
  bool tied;
  std::int64_t shard_bytes;
  double logit_scale;
  int files;
};

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
  EXPECT_EQ(first, 2 * weight(CheckpointReader(folder / "run"), "final_norm")[0]);
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
  const std::vector<float> before = weight(CheckpointReader(folder / "run"), "layers.0.ffn.up");
  const std::vector<float> after = weight(CheckpointReader(folder / "back"), "layers.0.ffn.up");
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

TEST(LogitScale, GoesInExactlyOrNotAtAll) {
  std::vector<float> values = {1.0F, -0.3F, 0.0F};
  multiply_exactly(values, 0.25, "scale");
  EXPECT_EQ(values, (std::vector<float>{0.25F, -0.3F / 4, 0.0F}));
  values = {1.0F, 2.0F};
  multiply_exactly(values, 0.75, "scale");
  EXPECT_EQ(values, (std::vector<float>{0.75F, 1.5F}));
  for (const double scale : {0.1, 1e300, 1e-300, 0.3}) {
    values = {1.0F, 0.3F};
    EXPECT_THROW(multiply_exactly(values, scale, "scale"), BadInput) << scale;
    EXPECT_THROW(divide_exactly(values, scale, "scale"), BadInput) << scale;
  }
  values = {std::bit_cast<float>(3U)};  // subnormal: half of it is none
  EXPECT_THROW(multiply_exactly(values, 0.5, "scale"), BadInput);
}

TEST(ImportCohere, ImportedModelsAreParentsOfAMixture) {
  Folder folder;
  folder.write("BF16");
  folder.import();
  proto::RunConfig mixture;
  *mixture.mutable_model() = CheckpointReader(folder.out()).config_text().model();
  mixture.mutable_model()->mutable_mixture()->mutable_ffn()->set_experts(2);
  upcycle_checkpoint({.config = mixture,
                      .config_name = "mixture",
                      .parents = {folder.out(), folder.out()},
                      .out = folder.root / "mixture"});
  const CheckpointReader made(folder.root / "mixture");
  EXPECT_EQ(weight(made, "layers.1.ffn.up[1]"),
            weight(CheckpointReader(folder.out()), "layers.1.ffn.up"));
}

}  // namespace
}  // namespace bam
