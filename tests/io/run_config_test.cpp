#include <gtest/gtest.h>

#include "io/run_config.h"
#include "io/text_file.h"
#include "model/parameters.h"
#include "tests/io/temporary_folder.h"
#include "tests/io/tiny_checkpoint.h"

namespace bam {
namespace {

std::string refusal_of(const std::vector<std::string>& overrides) {
  const TemporaryFolder folder;
  write_file(folder / "run.textproto", tiny_run_config(kTinyMixture).DebugString());
  try {
    run_config_of(read_run_config(folder / "run.textproto", overrides), "run.textproto");
  } catch (const BadInput& error) {
    return error.what();
  }
  return "";
}

struct BadField {
  const char* assignment;
  const char* message;  // part of it
};

void PrintTo(const BadField& each, std::ostream* out) { *out << each.assignment; }

class RunConfigRefuses : public testing::TestWithParam<BadField> {};

TEST_P(RunConfigRefuses, NamesFieldAndValue) {
  const std::string refusal = refusal_of({GetParam().assignment});
  EXPECT_NE(refusal.find(GetParam().message), std::string::npos) << refusal;
}

INSTANTIATE_TEST_SUITE_P(
    BadInputs, RunConfigRefuses,
    testing::Values(
        BadField{"model.n_layers=0", "run.textproto: model.n_layers: 0"},
        BadField{"model.n_layers=-1", "model.n_layers: -1"},
        BadField{"model.n_layers=4294967297", "model.n_layers: 4294967297"},
        BadField{"model.vocabulary=99999999999999999999", "model.vocabulary"},
        BadField{"model.n_heads=3", "model.d_model: 8 is not divisible by n_heads 3"},
        BadField{"model.n_heads=8", "rotary"},
        BadField{"model.n_kv_heads=3", "model.n_kv_heads: 3"},
        BadField{"model.rope_theta=nan", "model.rope_theta: nan"},
        BadField{"model.init_std=inf", "model.init_std: inf"},
        BadField{"model.norm_epsilon=-1e-5", "model.norm_epsilon"},
        BadField{"model.mixture.ffn.experts=0", "model.mixture.ffn.experts: 0"},
        BadField{"model.mixture.ffn.top_k=4", "model.mixture.ffn.top_k: 4"},
        BadField{"model.mixture.attention.top_k=3", "model.mixture.attention.top_k: 3"},
        BadField{"model.mixture.attention.routing=9", "model.mixture.attention.routing"},
        BadField{"model.mixture.ffn.balance_loss=nan", "model.mixture.ffn.balance_loss: nan"},
        BadField{"data.sequence_length=0", "data.sequence_length: 0"},
        BadField{"data.domains[0].share=-0.5", "data.domains[0].share: -0.5"},
        BadField{"data.domains[0].name=", "data.domains[0].name: missing"},
        BadField{"data.domains[1].share=1", "data.domains[1].share"},
        BadField{"training.steps=0", "training.steps: 0"},
        BadField{"training.steps=1000000000000000", "training.steps: 1000000000000000"},
        BadField{"training.micro_steps=3", "training.micro_steps: 3 does not divide"},
        BadField{"training.precision=FP8", "training.precision"},
        BadField{"training.log_every=0", "training.log_every: 0"},
        BadField{"optimizer.learning_rate=0", "optimizer.learning_rate: 0"},
        BadField{"optimizer.beta1=1", "optimizer.beta1: 1"},
        BadField{"optimizer.beta2=nan", "optimizer.beta2: nan"},
        BadField{"optimizer.final_share=2", "optimizer.final_share: 2"},
        BadField{"optimizer.no_decay=NORM,BIAS", "optimizer.no_decay[1]: BIAS"},
        BadField{"parallel.expert_parallel=-2", "parallel.expert_parallel: -2"},
        BadField{"parallel.expert_capacity_factor=0.5", "parallel.expert_capacity_factor: 0.5"},
        BadField{"parallel.slices_per_peer=0", "parallel.slices_per_peer: 0"},
        BadField{"parallel.replan.slots_per_rank=-1", "parallel.replan.slots_per_rank: -1"},
        BadField{"parallel.replan.moves=0", "parallel.replan.moves: 0"},
        BadField{"parallel.replan.least_gain=nan", "parallel.replan.least_gain: nan"},
        BadField{"parallel.replan.moves=2", "checkpoint.every is 0"},
        BadField{"checkpoint.keep_last=-1", "checkpoint.keep_last: -1"},
        BadField{"training.stepz=5", "stepz"},
        BadField{"training.steps", "training.steps"}));

TEST(RunConfig, OverridesComeBeforeValidation) {
  const TemporaryFolder folder;
  write_file(folder / "run.textproto", "model { vocabulary: 11 }");
  const std::vector<std::string> overrides = {
      "model.d_model=8",      "model.n_layers=1",          "model.n_heads=2",
      "model.ffn_hidden=6",   "data.domains={name: \"a\" path: \"a.h5\"}",
      "data.domains[0].share=0.5", "data.sequence_length=4", "training.steps=2",
      "training.sequences_per_step=6", "optimizer.learning_rate=0.1",
      "optimizer.no_decay=ROUTER"};
  const RunConfig config =
      run_config_of(read_run_config(folder / "run.textproto", overrides), "run.textproto");
  EXPECT_EQ(config.data.domains[0].share, 0.5);
  EXPECT_EQ(config.model.n_kv_heads, 2);
  EXPECT_EQ(config.training.seed, 1U);
  EXPECT_EQ(config.optimizer.no_decay,
            (std::vector<Role>{Role::kAttentionRouter, Role::kFfnRouter}));
}

TEST(RunConfig, IsDeterministicUnlessItSaysOtherwise) {
  proto::RunConfig config = tiny_run_config(kTinyMixture);
  EXPECT_TRUE(config.parallel().deterministic());
  EXPECT_TRUE(run_config_of(config, "a").parallel.deterministic);
  config.mutable_parallel()->clear_deterministic();
  EXPECT_TRUE(run_config_of(config, "a").parallel.deterministic);
  config.mutable_parallel()->set_deterministic(false);
  EXPECT_FALSE(run_config_of(with_defaults(config), "a").parallel.deterministic);
}

TEST(RunConfig, DefaultsWrittenOutChangeNothing) {
  const proto::RunConfig resolved = tiny_run_config(kTinyMixture);
  EXPECT_EQ(resolved.model().mixture().ffn().balance_loss(), 0.01);
  EXPECT_EQ(resolved.optimizer().beta2(), 0.95);
  EXPECT_EQ(with_defaults(resolved).SerializeAsString(), resolved.SerializeAsString());
}

TEST(RunConfig, SyntaxErrorsNameFileAndLine) {
  const TemporaryFolder folder;
  for (const char* text : {"model {\n vocabulary: 11\n vocabulary: 12 }", "model {\n\n vocab: 1 }"}) {
    write_file(folder / "run.textproto", text);
    try {
      read_run_config(folder / "run.textproto");
      FAIL() << text;
    } catch (const BadInput& error) {
      EXPECT_NE(std::string(error.what()).find("run.textproto:3:"), std::string::npos)
          << error.what();
    }
  }
}

TEST(RunConfig, MissingPartsAreNamed) {
  proto::RunConfig config = tiny_run_config();
  config.clear_data();
  EXPECT_THROW(run_config_of(config, "x"), BadInput);
  config = tiny_run_config();
  config.mutable_model()->mutable_mixture();
  try {
    run_config_of(config, "x");
    FAIL();
  } catch (const BadInput& error) {
    EXPECT_NE(std::string(error.what()).find("model.mixture.ffn: missing"), std::string::npos);
  }
}

TEST(ModelConfigFile, MayBeBareOrPartOfARun) {
  const TemporaryFolder folder;
  write_file(folder / "run", tiny_run_config(kTinyMixture).DebugString());
  write_file(folder / "bare", tiny_run_config(kTinyMixture).model().DebugString());
  EXPECT_EQ(read_model_config(folder / "run").ffn_hidden, 6);
  EXPECT_EQ(read_model_config(folder / "bare").ffn_experts(), 3);
}

struct Counts {
  const char* name;
  std::int64_t total;
  std::int64_t active;
};

void PrintTo(const Counts& each, std::ostream* out) { *out << each.name; }

class PaperModel : public testing::TestWithParam<Counts> {};

TEST_P(PaperModel, HasThePapersParameters) {
  const std::filesystem::path folder = BAM_SOURCE_DIR "/launch/recipes/models";
  const ModelConfig config = read_model_config(folder / (GetParam().name + std::string(".textproto")));
  const ParameterCount count = count_parameters(config);
  EXPECT_EQ(count.total, GetParam().total);
  EXPECT_EQ(count.active, GetParam().active);
}

INSTANTIATE_TEST_SUITE_P(Recipes, PaperModel,
                         testing::Values(Counts{"590m-dense", 587209728, 587209728},
                                         Counts{"590m-bam-expert-kv", 776002560, 662756352},
                                         Counts{"590m-bam-shared-kv", 738253824, 625007616},
                                         Counts{"590m-btx", 700480512, 587234304},
                                         Counts{"590m-btx-6-top-3", 775990272, 662744064},
                                         Counts{"2b-dense", 1991289600, 1991289600},
                                         Counts{"2b-bam-expert-kv", 6195886848, 2756033280},
                                         Counts{"2b-bam-shared-kv", 6004783872, 2564930304}));

}  // namespace
}  // namespace bam
