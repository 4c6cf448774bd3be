#include "io/routing_trace.h"

#include <gtest/gtest.h>

#include "io/load_file.h"
#include "io/text_file.h"
#include "runtime/check.h"
#include "tests/io/temporary_folder.h"

namespace bam {
namespace {

/// A layer that 3 FFN experts, two a token, and 2 soft attention experts route: domain 0 has 10
/// tokens, domain 1 none, domain 2 four.
LayerRouting made_layer() {
  LayerRouting layer;
  layer.ffn.resize(3);
  layer.ffn[0] = {.chosen = {9, 7, 4}, .gates = {5, 3, 2}, .tokens = 10, .pairs = {6, 3, 1}};
  layer.ffn[1] = {.chosen = {0, 0, 0}, .gates = {0, 0, 0}, .tokens = 0, .pairs = {0, 0, 0}};
  layer.ffn[2] = {.chosen = {4, 0, 4}, .gates = {2, 1, 1}, .tokens = 4, .pairs = {0, 4, 0}};
  layer.attention.resize(3);
  layer.attention[0] = {.chosen = {0, 0}, .gates = {8, 2}, .tokens = 10, .pairs = {}};
  layer.attention[2] = {.chosen = {0, 0}, .gates = {1, 3}, .tokens = 4, .pairs = {}};
  return layer;
}

const std::vector<std::string> kDomains = {"law", "code", "math"};

class RoutingTrace : public ::testing::Test {
 protected:
  std::string written(const std::string& text) const {
    write_file(folder_ / "routing.jsonl", text);
    return folder_ / "routing.jsonl";
  }
  std::string two_windows() const {
    return written(routing_window(4, 4, {made_layer(), made_layer()}, kDomains).dump() + "\n" +
                   routing_window(6, 2, {made_layer(), made_layer()}, kDomains).dump() + "\n");
  }
  void expect_refused(const std::string& text, const std::string& part) const {
    try {
      read_routing_trace(written(text));
      ADD_FAILURE() << text << ": was read";
    } catch (const BadInput& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  }

 private:
  TemporaryFolder folder_;
};

TEST_F(RoutingTrace, TellsTokensAndPairsOfEachDomain) {
  const nlohmann::json window = routing_window(4, 2, {made_layer()}, kDomains);
  EXPECT_EQ(window["layers"].size(), 4U);  // nothing of the domain without tokens
  const nlohmann::json& math = window["layers"][3];
  EXPECT_EQ(math["domain"], "math");
  EXPECT_EQ(math["chosen"], (std::vector<double>{4, 0, 4}));
  EXPECT_EQ(math["pairs"], nlohmann::json::parse("[[0, 2, 4.0]]"));
}

TEST_F(RoutingTrace, BecomesLoadsOfAllDomainsOrOne) {
  const LoadFile all = read_loads(two_windows());
  ASSERT_EQ(all.ffn.size(), 2U);
  EXPECT_EQ(all.ffn[1], (LoadMatrix{{13, 7, 8}, {13, 7, 8}}));
  EXPECT_EQ(all.attention[0], (LoadMatrix{{14, 14}, {14, 14}}));
  EXPECT_EQ(read_loads(two_windows(), "math").ffn[0], (LoadMatrix{{4, 0, 4}, {4, 0, 4}}));
  EXPECT_THROW(read_loads(two_windows(), "code"), BadInput);
}

TEST_F(RoutingTrace, IsRefusedWhereItIsNone) {
  expect_refused("", "no windows");
  expect_refused("{\"layers\": [", ":1: is not JSON");
  expect_refused("{}", "layers: missing");
  expect_refused(R"({"layers": [{"kind": "ffn", "domain": "a", "chosen": [1]}]})",
                 "layer: missing");
  expect_refused(R"({"layers": [{"layer": -1, "kind": "ffn", "chosen": [1]}]})", "layer: -1");
  expect_refused(R"({"layers": [{"layer": 1, "kind": "ffn", "chosen": [1]}]})", "layer: 1");
  expect_refused(R"({"layers": [{"layer": 0, "kind": "fff", "chosen": [1]}]})", "\"fff\"");
  expect_refused(R"({"layers": [{"layer": 0, "kind": "ffn", "chosen": [-1]}]})", "chosen[0]: -1");
  expect_refused(R"({"layers": [{"layer": 0, "kind": "ffn", "chosen": [1]}, )"
                 R"({"layer": 0, "kind": "ffn", "chosen": [1, 2]}]})",
                 "layers[1]: chosen: 2");
}

}  // namespace
}  // namespace bam
