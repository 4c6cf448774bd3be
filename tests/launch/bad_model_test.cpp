// Models of others that cannot be imported: exit code 2, file, field and value named, nothing
// written.
#include <gtest/gtest.h>

#include "io/text_file.h"
#include "tests/io/made_cohere.h"
#include "tests/launch/refusal.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

class BadModel : public ::testing::Test {
 protected:
  BadModel() { made_.write("F32"); }

  void expect_refused(const Words& parts) {
    expect_refusal(alone({"import", made_.model().string(), "--tokenizer",
                          made_.tokenizer().string(), "--out", made_.out().string()}),
                   parts, made_.out());
  }
  void expect_header_refused(const std::string& header, const std::string& part) {
    write_file(weights_file(),
               MadeSafetensors::with_length(header.size(), header) + std::string(32, '\0'));
    expect_refused({weights_file().string() + ": ", part});
  }
  void expect_field_refused(const char* field, const nlohmann::json& value,
                            const std::string& part) {
    nlohmann::json config = made_.config;
    config[field] = value;
    write_file(config_file(), config.dump());
    expect_refused({config_file().string() + ": ", part});
  }

  fs::path tokenizer() const { return made_.tokenizer(); }
  fs::path config_file() const { return made_.model() / "config.json"; }
  fs::path weights_file() const { return made_.model() / "model.safetensors"; }

 private:
  const CohereFolder made_;
};

TEST_F(BadModel, HeadersThatCannotBe) {
  for (const std::uint64_t length : {~std::uint64_t{0}, std::uint64_t{100'000'001}}) {
    write_file(weights_file(), MadeSafetensors::with_length(length, "{}"));
    expect_refused({weights_file().string() + ": header length: " + std::to_string(length)});
  }
  expect_header_refused(
      R"({"a":{"dtype":"F32","shape":[8],"data_offsets":[0,32]},"a":{"dtype":"F32","shape":[8],"data_offsets":[0,32]}})",
      "\"a\": is given twice");
  expect_header_refused(R"({"a":{"dtype":"F32","shape":[8],"data_offsets":[-4,28]}})", "-4");
  expect_header_refused(R"({"a":{"dtype":"F32","shape":[8],"data_offsets":[32,0]}})", "[32, 0]");
  expect_header_refused(R"({"a":{"dtype":"F32","shape":[7],"data_offsets":[4,32]}})", "byte 4");
  expect_header_refused(R"({"a":{"dtype":"F32","shape":[7],"data_offsets":[0,32]}})",
                        "32 bytes where F32 of shape (7) takes 28");
  expect_header_refused(R"({"a":{"dtype":"I4","shape":[8],"data_offsets":[0,32]}})", "I4");
}

TEST_F(BadModel, ConfigsThatCannotBe) {
  expect_field_refused("hidden_size", -8, "hidden_size: -8");
  expect_field_refused("num_hidden_layers", 0, "num_hidden_layers: 0");
  expect_field_refused("layer_norm_eps", -1.0, "layer_norm_eps: -1");
  expect_field_refused("vocab_size", 1e300, "vocab_size");
  expect_field_refused("model_type", "llama", "model_type: \"llama\"");
  write_file(config_file(), std::string(2 << 20, ' '));
  expect_refused({config_file().string() + ": larger than"});
  write_file(config_file(), std::string(100'000, '['));
  expect_refused({config_file().string() + ": "});
  write_file(config_file(), "{\"model_type\": \"\xff\"}");
  expect_refused({config_file().string() + ": ", "UTF-8"});
}

TEST_F(BadModel, TokenizersThatDoNotFit) {
  write_file(tokenizer(), "no model");
  expect_refused({tokenizer().string() + ": not a SentencePiece model"});
  write_file(tokenizer(), "");
  expect_refused({tokenizer().string() + ": empty"});
}

}  // namespace
}  // namespace bam
