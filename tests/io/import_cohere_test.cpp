#include <gtest/gtest.h>

#include "io/cohere_config.h"
#include "io/upcycle_checkpoint.h"
#include "tests/io/made_cohere.h"
#include "tests/io/tiny_checkpoint.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

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
  CohereFolder folder;
  folder.tensors = tiny_tensors(tied);
  folder.config["tie_word_embeddings"] = tied;
  folder.write(dtype);
  folder.import();
  const CheckpointReader made(folder.out());
  made.verify();
  for (std::size_t t = 0; t < folder.tensors.size(); ++t) {
    const std::string name = our_name(folder.tensors[t].name);
    const std::vector<float> values = weight_of(made, name);
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
  CohereFolder folder;
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
  CohereFolder folder;
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
  CohereFolder folder;
  folder.config.erase("rope_theta");
  folder.config["rope_parameters"] = {{"rope_theta", 75000.0}, {"rope_type", "default"}};
  folder.write("F32");
  EXPECT_EQ(read_cohere_config(folder.model() / "config.json").model.rope_theta(), 75000.0);
}

TEST(ImportCohere, ATrainedCheckpointIsNotHidden) {
  CohereFolder folder;
  folder.write("F32");
  write_filled(folder.out(),
               {.step = 5, .config = tiny_run_config(), .tokenizer = "t", .parents = {}});
  EXPECT_THROW(folder.import(), BadInput);
  EXPECT_EQ(CheckpointReader(folder.out()).step(), 5);
}

TEST(ImportCohere, ImportedModelsAreParentsOfAMixture) {
  CohereFolder folder;
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
  EXPECT_EQ(weight_of(made, "layers.1.ffn.up[1]"),
            weight_of(CheckpointReader(folder.out()), "layers.1.ffn.up"));
}

}  // namespace
}  // namespace bam
