#include "io/placement_file.h"

#include <gtest/gtest.h>

#include "io/run_config.h"
#include "io/text_file.h"
#include "runtime/check.h"
#include "tests/io/temporary_folder.h"
#include "tests/io/tiny_checkpoint.h"

namespace bam {
namespace {

// Two attention experts and three FFN experts, in two layers.
ModelConfig mixture() { return run_config_of(tiny_run_config(kTinyMixture), "tiny").model; }

Placement placement_in(const std::string& text, int ranks) {
  const TemporaryFolder folder;
  write_file(folder / "plan", text);
  return read_placement(folder / "plan", mixture(), ranks);
}

std::string refusal_of(const std::string& text) {
  try {
    placement_in(text, 2);
  } catch (const BadInput& error) {
    return error.what();
  }
  return "";
}

// Two ranks; `more` is added to a layer that fits.
std::string with_replicas(const std::string& more) {
  return "ranks: 2 layers { attention: [0, 1] ffn: [1, 1, 0] " + more + " }";
}

TEST(PlacementFile, OneEntryServesEveryLayer) {
  const Placement placement =
      placement_in("ranks: 2 layers { attention: [0, 1] ffn: [1, 1, 0] }", 2);
  ASSERT_EQ(placement.layers.size(), 2U);
  EXPECT_EQ(placement.layers[1].ffn, single_copies({1, 1, 0}));
}

TEST(PlacementFile, ReplicasTakeEqualPartsUnlessSharesAreGiven) {
  const Placement placement = placement_in(
      "ranks: 4 layers { attention: [0, 1] ffn: [1, 1, 0]"
      "  attention_replicas { expert: 1 ranks: [1, 3] shares: [0.75, 0.25] }"
      "  ffn_replicas { expert: 2 ranks: [0, 1, 2, 3] } }",
      4);
  EXPECT_EQ(placement.layers[0].attention,
            (std::vector<Replicas>{{{0, 1.0}}, {{1, 0.75}, {3, 0.25}}}));
  EXPECT_EQ(placement.layers[1].ffn[2], (Replicas{{0, 0.25}, {1, 0.25}, {2, 0.25}, {3, 0.25}}));
}

TEST(PlacementFile, MessageComesBackTheSame) {
  const Placement placement = placement_in(
      "ranks: 4 layers { attention: [0, 1] ffn: [1, 1, 0]"
      "  ffn_replicas { expert: 2 ranks: [0, 1, 3] } } layers { attention: [3, 1] ffn: [1, 1, 0]"
      "  attention_replicas { expert: 1 ranks: [1, 3] shares: [0.1, 0.9] } }",
      4);
  EXPECT_EQ(placement_of(message_of_placement(placement), mixture(), 4, "message"), placement);
}

TEST(PlacementFile, RefusesWhatDoesNotFit) {
  for (const char* text : {"ranks: 3 layers { attention: [0, 1] ffn: [1, 1, 0] }",
                           "ranks: 2 layers { attention: [0, 2] ffn: [1, 1, 0] }",
                           "ranks: 2 layers { attention: [0, 1] ffn: [1, 1] }",
                           "ranks: 2 layers { attention: [0, 1] ffn: [-1, 1, 0] }", "ranks: 2",
                           "ranks: 2 layers { attention: [0] ffn: [1, 1, 0] }"}) {
    EXPECT_NE(refusal_of(text), "") << text;
  }
}

TEST(PlacementFile, NamesWhatIsWrongWithReplicas) {
  const auto refused = [](const std::string& more, const std::string& part) {
    EXPECT_NE(refusal_of(with_replicas(more)).find(part), std::string::npos)
        << more << ": " << refusal_of(with_replicas(more));
  };
  refused("ffn_replicas { expert: 3 ranks: [0, 1] }", "layers[0].ffn_replicas[0].expert: 3");
  refused("ffn_replicas { expert: 2 ranks: [0] }", "layers[0].ffn_replicas[0].ranks: 1 ");
  refused("ffn_replicas { expert: 2 ranks: [0, 2] }", "layers[0].ffn_replicas[0].ranks[1]: 2");
  refused("ffn_replicas { expert: 2 ranks: [0, 0] }",
          "ffn[2]: a copy on rank 0 after one on rank 0");
  refused("ffn_replicas { expert: 1 ranks: [1, 0] }",
          "ffn[1]: a copy on rank 0 after one on rank 1");
  refused("ffn_replicas { expert: 1 ranks: [0, 1] }", "ranks[0]: 0 where layers[0].ffn[1] is 1");
  refused("ffn_replicas { expert: 2 ranks: [0, 1] } ffn_replicas { expert: 2 ranks: [0, 1] }",
          "layers[0].ffn_replicas[1].expert: 2 is given twice");
  refused("attention_replicas { expert: 0 ranks: [0, 1] shares: 1 }",
          "layers[0].attention_replicas[0].shares: 1 ");
  refused("attention_replicas { expert: 0 ranks: [0, 1] shares: [0.5, 0.4] }",
          "attention[0]: its copies' shares add up to 0.9");
  refused("attention_replicas { expert: 0 ranks: [0, 1] shares: [1.5, -0.5] }",
          "attention_replicas[0].shares[0]: 1.5");
  refused("attention_replicas { expert: 0 ranks: [0, 1] shares: [nan, 1] }",
          "attention_replicas[0].shares[0]: nan");
}

}  // namespace
}  // namespace bam
