#include "io/cluster_file.h"

#include <gtest/gtest.h>

#include "io/text_proto.h"
#include "runtime/check.h"

namespace bam {
namespace {

constexpr const char* kGood = R"(
  name: "two nodes" nodes: 2 ranks_per_node: 2 memory: 8e9 memory_bandwidth: 1e10
  links { class: NODE bandwidth: 1e9 latency: 1e-6
          all_to_all { bytes: 1e3 seconds: 1e-6 } all_to_all { bytes: 1e6 seconds: 1e-3 } }
  links { class: NETWORK bandwidth: 1e8 }
  rates { dtype: FP32 peak: 1e11
          products { kind: FORWARD m: 8 k: 8 n: 8 rate: 1e10 }
          products { kind: INPUT_GRADIENT m: 8 k: 8 n: 8 rate: 1e10 }
          products { kind: WEIGHT_GRADIENT m: 8 k: 8 n: 8 rate: 5e9 }
          attention { length: 64 forward: 2e10 backward: 3e10 } }
  rows { loss: 5e9 } hides: 0.5)";

proto::Cluster message_of_text(const std::string& text) {
  proto::Cluster message;
  parse_text_proto(text, "the cluster", message);
  return message;
}

TEST(ClusterFile, SaysWhatItSays) {
  const Cluster cluster = cluster_of(message_of_text(kGood), "the cluster");
  EXPECT_EQ(cluster.ranks(), 4);
  EXPECT_EQ(cluster.hides, 0.5);
  EXPECT_EQ(cluster.link(LinkClass::kNetwork).bandwidth, 1e8);
  EXPECT_EQ(cluster.rows.loss, 5e9);
  EXPECT_EQ(cluster.rows.optimizer, 1e10);  // memory's
  EXPECT_NEAR(cluster.fp32.product_seconds({8, 8, 8}, ProductKind::kWeightGradient), 1024 / 5e9,
              1e-18);
  EXPECT_NEAR(cluster.fp32.attention_rate(64).backward, 3e10, 1);
}

TEST(ClusterFile, ComesBackAsItWas) {
  const proto::Cluster message =
      message_of_cluster(cluster_of(message_of_text(kGood), "the cluster"));
  EXPECT_EQ(text_of(message_of_cluster(cluster_of(message, "again"))), text_of(message));
}

TEST(ClusterFile, NamesTheFieldThatIsWrong) {
  const auto refused = [](const std::string& change, const std::string& part) {
    proto::Cluster message = message_of_text(kGood);
    set_field(message, change);
    try {
      cluster_of(message, "the cluster");
      ADD_FAILURE() << change << ": was read";
    } catch (const BadInput& error) {
      EXPECT_NE(std::string(error.what()).find("the cluster: " + part), std::string::npos)
          << error.what();
    }
  };
  refused("nodes=0", "nodes: 0");
  refused("ranks_per_node=-1", "ranks_per_node: -1");
  refused("memory=0", "memory: 0");
  refused("memory_bandwidth=nan", "memory_bandwidth: nan");
  refused("hides=2", "hides: 2");
  refused("links[0].bandwidth=0", "links[0].bandwidth: 0");
  refused("links[0].latency=-1", "links[0].latency: -1");
  refused("links[1].class=NODE", "links[1].class: given twice");
  refused("links[0].all_to_all[1].bytes=1", "links[0].all_to_all[1].bytes: 1");
  refused("rates[0].peak=0", "rates[0].peak: 0");
  refused("rates[0].reached=0", "rates[0].reached: 0");
  refused("rates[0].products[0].m=0", "rates[0].products[0].m: 0");
  refused("rates[0].products[1].kind=FORWARD", "rates[0]");
  refused("rates[0].attention[0].forward=0", "rates[0].attention[0].forward: 0");
  refused("rows.loss=-1", "rows.loss: -1");
}

TEST(ClusterFile, NeedsTheLinksThatItsRanksHave) {
  proto::Cluster message = message_of_text(kGood);
  message.mutable_links()->RemoveLast();
  EXPECT_THROW(cluster_of(message, "the cluster"), BadInput);
  message.set_nodes(1);
  EXPECT_EQ(cluster_of(message, "the cluster").ranks(), 2);
  message.clear_rates();
  EXPECT_THROW(cluster_of(message, "the cluster"), BadInput);
}

}  // namespace
}  // namespace bam
