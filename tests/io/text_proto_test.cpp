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

TEST(SetField, NamesTheFieldThatIsWrong) {
  proto::RunConfig config;
  for (const char* wrong : {"model.depth=4", "model.n_layers=four", "model.n_layers", "=4",
                            "data.domains[3].share=1", "model.n_layers.x=1"}) {
    EXPECT_THROW(set_field(config, wrong), BadInput) << wrong;
  }
}

}  // namespace
}  // namespace bam
