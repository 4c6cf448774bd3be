#include "io/text_proto.h"

#include <gtest/gtest.h>

#include "proto/run_config.pb.h"
#include "runtime/check.h"

namespace bam {
namespace {

std::string error_of(const std::string& text) {
  proto::RunConfig config;
  try {
    parse_text_proto(text, "run.textproto", config);
  } catch (const BadInput& error) {
    return error.what();
  }
  return "";
}

TEST(TextProto, NamesFileAndLineOfAnUnknownField) {
  EXPECT_EQ(error_of("model {\n  layers: 4\n}").substr(0, 18), "run.textproto:2:9:");
}

TEST(TextProto, RefusesRepeatedOverflowingAndNestedInput) {
  EXPECT_NE(error_of("init_from: 'a' init_from: 'b'"), "");
  EXPECT_NE(error_of("model { d_model: 99999999999999999999 }"), "");
  EXPECT_NE(error_of("model { d_model: 1.5 }"), "");
  EXPECT_NE(error_of(std::string(200, '{')), "");
  EXPECT_NE(error_of("init_from: '\\377'"), "");
}

TEST(SetField, ReplacesScalarsListsAndEntries) {
  proto::RunConfig config;
  parse_text_proto("model { n_layers: 2 } data { domains { name: 'law' } } optimizer { no_decay: 'FFN' }",
                   "run", config);
  set_field(config, "model.n_layers=4");
  set_field(config, "data.domains[0].share=0.25");
  set_field(config, "optimizer.no_decay=NORM,ROUTER");
  set_field(config, "init_from=runs/a/seed");
  set_field(config, "model.mixture.attention.routing=TOP_K");
  EXPECT_EQ(config.model().n_layers(), 4);
  EXPECT_EQ(config.data().domains(0).share(), 0.25);
  ASSERT_EQ(config.optimizer().no_decay_size(), 2);
  EXPECT_EQ(config.optimizer().no_decay(1), "ROUTER");
  EXPECT_EQ(config.init_from(), "runs/a/seed");
  EXPECT_EQ(config.model().mixture().attention().routing(), proto::AttentionMixture::TOP_K);
}

std::string refusal_of(const std::string& assignment) {
  proto::RunConfig config;
  parse_text_proto("data { domains { name: 'law' } domains { name: 'code' } }", "run", config);
  try {
    set_field(config, assignment);
  } catch (const BadInput& error) {
    return error.what();
  }
  return "";
}

TEST(TextProto, ListsTheValuesOfAnEnumeration) {
  EXPECT_EQ(error_of("training { precision: bf16 }"),
            "run.textproto:1:28: Unknown enumeration value of \"bf16\" for field \"precision\" "
            "where one of FP32, BF16 was expected");
  EXPECT_NE(error_of("model { mixture { attention { routing: HARD } } }")
                .find("one of SOFT, TOP_K, UNIFORM"),
            std::string::npos);
}

TEST(SetField, ListsTheValuesOfAnEnumeration) {
  EXPECT_EQ(refusal_of("training.precision=bf16"),
            "--set training.precision: bf16 is none of FP32, BF16");
  EXPECT_EQ(refusal_of("training.precision=BF16"), "");
}

TEST(SetField, SaysWhichEntriesAListHas) {
  EXPECT_EQ(refusal_of("data.domains[2].share=1"),
            "--set data.domains[2].share: domains has entries [0] to [1], and no [2]");
  EXPECT_EQ(refusal_of("data.domains.share=1"),
            "--set data.domains.share: domains is a list: say which, domains[0] to [1]");
  EXPECT_EQ(refusal_of("data.domains[2]={ name: 'x' }"),
            "--set data.domains[2]: domains: of an entry the fields are set, one by one");
  EXPECT_EQ(
      refusal_of("optimizer.no_decay[0]=NORM"),
      "--set optimizer.no_decay[0]: no_decay: a list is set as a whole, its entries separated "
      "by commas");
  EXPECT_EQ(refusal_of("training.steps[0]=1"), "--set training.steps[0]: steps is not a list");
  EXPECT_EQ(refusal_of("data.domains[1].share=1"), "");
  proto::RunConfig empty;
  EXPECT_THROW(set_field(empty, "data.domains[0].share=1"), BadInput);
}

TEST(SetField, NamesTheFieldThatIsWrong) {
  proto::RunConfig config;
  for (const char* wrong : {"model.depth=4", "model.n_layers=four", "model.n_layers", "=4",
                            "data.domains[3].share=1", "model.n_layers.x=1"}) {
    EXPECT_THROW(set_field(config, wrong), BadInput) << wrong;
  }
}

}  // namespace
}  // namespace bam
