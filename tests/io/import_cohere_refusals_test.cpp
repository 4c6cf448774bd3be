// What cannot be imported is refused, naming field or tensor, and leaves nothing.
#include <gtest/gtest.h>

#include "tests/io/made_cohere.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

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
    CohereFolder folder;
    folder.config[field] = value;
    folder.tensors[0].shape[0] = folder.config.value("vocab_size", 320);
    const std::string refusal = folder.refusal();
    EXPECT_NE(refusal.find(expected), std::string::npos) << field << ": " << refusal;
  }
}

TEST(ImportCohere, TensorsThatDoNotFit_AreRefusedByName) {
  CohereFolder missing;
  missing.tensors.pop_back();
  EXPECT_NE(missing.refusal().find("has no tensor \"model.layers.1.mlp.down_proj.weight\""),
            std::string::npos);
  CohereFolder reshaped;
  reshaped.tensors.back().shape = {6, 8};
  EXPECT_NE(reshaped.refusal().find("shape (6, 8) where (8, 6) was expected"), std::string::npos);
  CohereFolder more;
  more.tensors.push_back({"model.layers.0.self_attn.q_proj.bias", {8}});
  EXPECT_NE(more.refusal().find("q_proj.bias\": is no weight"), std::string::npos);
  CohereFolder untied;
  untied.config["tie_word_embeddings"] = false;
  EXPECT_NE(untied.refusal().find("lm_head.weight"), std::string::npos);
}

TEST(ImportCohere, BadFilesAreRefusedAndLeaveNothing) {
  CohereFolder folder;
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

}  // namespace
}  // namespace bam
