#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "io/checkpoint_reader.h"
#include "io/import_cohere.h"
#include "tests/io/made_safetensors.h"
#include "tests/io/made_tokenizer.h"
#include "tests/io/temporary_folder.h"

namespace bam {

inline nlohmann::json tiny_cohere_config() {
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

/// The tensors of a CohereForCausalLM of tiny_cohere_config, as that library names them.
inline std::vector<NamedTensor> tiny_tensors(bool tied) {
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

inline std::int64_t elements(const NamedTensor& tensor) {
  return elements_of(Shape(tensor.shape.begin(), tensor.shape.end()));
}

/// Stored bits of element i of the t-th tensor: finite values with all mantissa bits in use.
inline std::uint32_t fp32_bits(std::size_t t, std::int64_t i) {
  const auto mixed =
      static_cast<std::uint32_t>(t * 7919 + static_cast<std::size_t>(i)) * 2654435761U;
  return (mixed & 0x807fffffU) | (120U + (mixed >> 24 & 7U)) << 23;
}
inline std::uint16_t half_bits(std::size_t t, std::int64_t i) {
  return static_cast<std::uint16_t>((fp32_bits(t, i) >> 9 & 0x83ffU) | (10U + i % 8) << 10);
}

/// A folder with such a model and a tokenizer; config and tensors may be changed before they are
/// written.
struct CohereFolder {
  TemporaryFolder root;
  nlohmann::json config = tiny_cohere_config();
  std::vector<NamedTensor> tensors = tiny_tensors(true);

  std::filesystem::path model() const { return root / "model"; }
  std::filesystem::path tokenizer() const { return root / "sp.model"; }
  std::filesystem::path out() const { return root / "out"; }

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
    std::filesystem::create_directories(model());
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
      EXPECT_FALSE(std::filesystem::exists(out())) << error.what();
      return error.what();
    }
    return "";
  }
};

/// All elements of a weight.
inline std::vector<float> weight_of(const CheckpointReader& reader, const std::string& name) {
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

}  // namespace bam
