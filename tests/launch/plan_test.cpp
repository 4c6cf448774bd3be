// `bam plan`: the built program, as it is called.
#include <gtest/gtest.h>

#include "io/plan_file.h"
#include "io/text_file.h"
#include "io/text_proto.h"
#include "tests/launch/refusal.h"

namespace bam {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kPublicLayers =
    "90,132,40,61,104,165,39,4,73,56,183,86\n"
    "20,107,104,64,19,197,187,157,172,86,16,27\n";

class Plan : public ::testing::Test {
 protected:
  std::string written(const std::string& name, const std::string& text) const {
    write_file(folder_ / name, text);
    return folder_ / name;
  }
  std::string loads() const { return written("loads.csv", kPublicLayers); }
  std::string file(const std::string& name) const { return folder_ / name; }

  Outcome place(const Words& more) const {
    Words words = {"plan", "place", "--loads", loads(), "--out", file("plan")};
    words.insert(words.end(), more.begin(), more.end());
    return expect_code(0, alone(words));
  }
  void expect_refused(const Words& words, const Words& parts) const {
    expect_refusal(alone(words), parts, folder_ / "out");
  }
  void expect_place_refused(const Words& more, const Words& parts) const {
    Words words = {"plan", "place", "--loads", loads(), "--out", file("out")};
    words.insert(words.end(), more.begin(), more.end());
    expect_refused(words, parts);
  }

 private:
  TemporaryFolder folder_;
};

TEST_F(Plan, PlacesThePublicLayersAsWellAsCanBe) {
  const json found = json::parse(place({"--ranks", "8", "--slots", "16", "--json"}).out);
  EXPECT_EQ(found["layers"][0]["worst"], 136);
  EXPECT_EQ(found["layers"][1]["worst"], 172);
  EXPECT_EQ(found["layers"][1]["bound"], 172);
  EXPECT_EQ(found["layers"][0]["binds"], "memory");
  const json limited = json::parse(
      place({"--ranks", "8", "--slots", "16", "--nodes", "2", "--group", "3", "--json"}).out);
  EXPECT_EQ(limited["layers"][0]["worst"], 151);
  EXPECT_EQ(limited["layers"][1]["worst"], 179.5);
}

TEST_F(Plan, WhatIsPlacedIsVerified) {
  const std::string table = place({"--ranks", "8", "--slots", "16"}).out;
  EXPECT_NE(table.find("2 of 2 layers proven optimal"), std::string::npos) << table;
  const std::string verdict = expect_code(0, alone({"plan", "verify", file("plan")})).out;
  EXPECT_NE(verdict.find("layer 1: holds, bound by exhaustive search, proven"), std::string::npos)
      << verdict;
  expect_code(0, alone({"plan", "verify", file("plan"), "--loads", loads()}));
}

TEST_F(Plan, ThatClaimsTooMuchIsRefused) {
  place({"--ranks", "8", "--slots", "16"});
  const std::string plan = read_file(file("plan"));
  std::string claim = plan;
  const std::string bound = "bound: 172";
  claim.replace(claim.find(bound), bound.size(), "bound: 171");
  claim.replace(claim.find("worst: 172"), bound.size(), "worst: 171");
  expect_refused({"plan", "verify", written("claim", claim)}, {"1 of 2 layers do not hold"});
  expect_refused({"plan", "verify", file("plan"), "--loads",
                  written("other.csv", "9,1,1,1,1,1,1,1,1,1,1,1\n1,1,1,1,1,1,1,1,1,1,1,1\n")},
                 {"2 of 2 layers do not hold"});
}

TEST_F(Plan, SameInputAndSeedGiveTheSameBytes) {
  place({"--ranks", "5", "--slots", "14", "--shares", "free"});
  const std::string first = read_file(file("plan"));
  place({"--ranks", "5", "--slots", "14", "--shares", "free"});
  EXPECT_EQ(read_file(file("plan")), first);
}

TEST_F(Plan, PlacesAttentionAndFfnExpertsOfAModelTogether) {
  const std::string model = SmallWorld::get().expert_kv();  // 4 and 4 experts
  const Words words = {"plan",    "place",      "--loads", written("four.csv", "400,100,50,250\n"),
                       "--model", model,        "--ranks", "3",
                       "--out",   file("plan"), "--json"};
  const json found = json::parse(expect_code(0, alone(words)).out);
  EXPECT_EQ(found["attention_experts"], 4);
  EXPECT_EQ(found["layers"][0]["attention"].size(), 4U);
  EXPECT_EQ(found["layers"][0]["gap"], 0);
  const ModelPlan plan = read_plan(file("plan"));
  EXPECT_EQ(plan.loads[0][0].attention, std::vector<double>(4, 400));  // two experts a token
  expect_code(0, alone({"plan", "verify", file("plan")}));
}

// What a run routed is what the next is planned for; the checkpoint keeps the plan.
TEST_F(Plan, GoesFromARunsTraceIntoTheNextRun) {
  const SmallWorld& small = SmallWorld::get();
  expect_code(0, on_ranks(2, train(small.expert_kv(), file("first"),
                                   settings({"training.routing_trace_every=4"}))));
  expect_code(0, alone({"plan", "place", "--loads", file("first/routing.jsonl"), "--model",
                        small.expert_kv(), "--ranks", "2", "--out", file("plan")}));
  EXPECT_EQ(read_plan(file("plan")).loads[0].size(), 2U);  // 8 steps
  expect_code(0, on_ranks(2, train(small.expert_kv(), file("second"), {"--plan", file("plan")})));
  const json seen = json::parse(expect_code(0, alone({"inspect", file("second"), "--json"})).out);
  const ModelPlan plan = read_plan(file("plan"));
  for (std::size_t e = 0; e < 4; ++e) {
    EXPECT_EQ(seen["plan"]["layers"][1]["ffn"][e], plan.layers[1].experts[4 + e].front().rank);
  }
  EXPECT_EQ(seen["plan"]["planned"]["layers"][1]["bound"], plan.layers[1].certificate.bound);
  EXPECT_EQ(text_of(message_of_plan(read_plan(file("second")))),
            text_of(message_of_plan(read_plan(file("plan")))));
  expect_code(0, on_ranks(2, train(small.expert_kv(), file("third"), {"--plan", file("second")})));
  EXPECT_EQ(text_of(message_of_plan(read_plan(file("third")))),
            text_of(message_of_plan(read_plan(file("plan")))));
  const std::string text = expect_code(0, alone({"inspect", file("second")})).out;
  EXPECT_NE(text.find("experts on 2 ranks, as planned: 8 slots a layer"), std::string::npos)
      << text;
  expect_code(0, alone({"plan", "verify", file("second")}));
  // Gone on with, it is as planned still.
  expect_code(
      0, on_ranks(2, train(small.expert_kv(), file("second"), settings({"training.steps=9"}))));
  expect_code(0, alone({"plan", "verify", file("second")}));
  expect_refusal(alone({"plan", "place", "--loads", file("first/routing.jsonl"), "--ranks", "2",
                        "--out", file("first/routing.jsonl")}),
                 {"--out: ", "is what the plan is made from"}, file("first"));
  expect_refusal(on_ranks(2, train(small.expert_kv(), file("out"), {"--plan", file("nowhere")})),
                 {"nowhere"}, file("out"));
  expect_refusal(on_ranks(3, train(small.expert_kv(), file("out"), {"--plan", file("second")})),
                 {"parallel.placement", file("second") + "/step-", "ranks: 2"}, file("out"));
  expect_refusal(alone(train(small.dense(), file("out"), {"--plan", file("plan")})),
                 {"parallel.placement", "a dense model, which has no experts to place"},
                 file("out"));
}

TEST_F(Plan, IsExplainedAndCompared) {
  place({"--ranks", "8", "--slots", "16"});
  const std::string text = expect_code(0, alone({"plan", "explain", file("plan")})).out;
  EXPECT_NE(text.find("memory binds"), std::string::npos) << text;
  EXPECT_NE(text.find("(0.5)"), std::string::npos) << text;
  fs::rename(file("plan"), file("before"));
  place({"--ranks", "8", "--slots", "16", "--from", file("before"), "--moves", "2"});
  const json diff = json::parse(
      expect_code(0, alone({"plan", "diff", file("before"), file("plan"), "--json"})).out);
  EXPECT_LE(diff["layers"][0]["moved"].size(), 2U);
  const std::string table =
      expect_code(0, alone({"plan", "diff", file("before"), file("plan")})).out;
  EXPECT_NE(table.find("A: " + file("before")), std::string::npos) << table;
}

// Each window's slowest rank has 9, another one each time; no rank's mean is more than 5.
TEST_F(Plan, IsExplainedWindowByWindow) {
  const std::string windows = written("windows.csv", "9,1\n\n1,9\n");
  expect_code(0,
              alone({"plan", "place", "--loads", windows, "--ranks", "2", "--out", file("plan")}));
  const std::string text = expect_code(0, alone({"plan", "explain", file("plan")})).out;
  EXPECT_NE(text.find("slowest rank 9 (mean of the slowest of each of 2 windows), bound 9"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("mean load  of slowest  slowest in"), std::string::npos) << text;
  const json found =
      json::parse(expect_code(0, alone({"plan", "explain", file("plan"), "--json"})).out);
  for (const json& rank : found[0]["ranks"]) {
    EXPECT_EQ(rank["load"], 5);
    EXPECT_DOUBLE_EQ(rank["of_slowest"].get<double>(), 5.0 / 9);
    EXPECT_EQ(rank["slowest_in"], 1);
  }
  for (const char* layer : {"-1", "1"}) {
    expect_refused({"plan", "explain", file("plan"), "--layer", layer},
                   {std::string("--layer: ") + layer, "from 0 to 0"});
  }
}

// A rank has got both hot experts, and no room to send one of them away alone.
TEST_F(Plan, SaysWhereRoundRobinIsFaster) {
  const std::string before = written("before.csv", "10,6,5,1\n");
  expect_code(0,
              alone({"plan", "place", "--loads", before, "--ranks", "2", "--out", file("plan")}));
  const std::string later = written("later.csv", "9,1,1,9\n");
  const auto changed = [&](const char* moves) {
    return expect_code(0, alone({"plan", "place", "--loads", later, "--ranks", "2", "--from",
                                 file("plan"), "--moves", moves, "--out", file("moved")}))
        .out;
  };
  const std::string table = changed("1");
  EXPECT_NE(table.find("slower than round-robin: layers 0\n"), std::string::npos) << table;
  const std::string text = expect_code(0, alone({"plan", "explain", file("moved")})).out;
  EXPECT_NE(text.find("slower than experts dealt round-robin, whose slowest rank is at 10\n"),
            std::string::npos)
      << text;
  EXPECT_EQ(changed("2").find("slower than"), std::string::npos);
}

TEST_F(Plan, SaysWhereTheLimitOnMovesBinds) {
  place({"--ranks", "8", "--slots", "16"});
  const std::string later =
      written("later.csv", "4,132,40,90,104,56,39,61,73,165,86,183\n9,8,7,6,5,4,3,2,1,9,8,70\n");
  const Words words = {"plan",    "place",   "--loads", later,        "--ranks",
                       "8",       "--slots", "16",      "--from",     file("plan"),
                       "--moves", "1",       "--out",   file("moved")};
  const std::string table = expect_code(0, alone(words)).out;
  EXPECT_NE(table.find("limit on moves"), std::string::npos) << table;
  EXPECT_NE(table.find("of what they do under " + file("plan")), std::string::npos) << table;
  const std::string text = expect_code(0, alone({"plan", "explain", file("moved")})).out;
  EXPECT_NE(text.find("with more copies moved"), std::string::npos) << text;
  expect_code(0, alone({"plan", "verify", file("moved")}));
}

TEST_F(Plan, IsVerifiedAgainstADomainsTokens) {
  const auto of = [](const std::string& domain, const std::string& chosen) {
    return R"({"layer":0,"kind":"ffn","domain":")" + domain + R"(","tokens":40,"chosen":)" +
           chosen + R"(,"pairs":[]})";
  };
  const std::string trace =
      written("routing.jsonl", R"({"step":4,"steps":4,"layers":[)" + of("law", "[30,10]") + "," +
                                   of("code", "[5,35]") + "]}\n");
  expect_code(0, alone({"plan", "place", "--loads", trace, "--domain", "law", "--ranks", "2",
                        "--out", file("plan")}));
  const Words verify = {"plan", "verify", file("plan"), "--loads", trace, "--domain"};
  const auto with = [&](const std::string& domain) {
    Words words = verify;
    words.push_back(domain);
    return words;
  };
  expect_code(0, alone(with("law")));
  expect_refused(with("code"), {"1 of 1 layers do not hold"});
  expect_refused(with("math"), {"routing.jsonl", "math"});
  expect_refused({"plan", "verify", file("plan"), "--domain", "law"}, {"--domain", "--loads"});
}

const Words kPaper = {"--cluster", "dgx-h100",
                      "--set",     "data.sequence_length=2048",
                      "--set",     "training.sequences_per_step=512",
                      "--set",     "training.precision=BF16"};

Words priced(Words words, const Words& more = {}) {
  words.insert(words.end(), kPaper.begin(), kPaper.end());
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

constexpr const char* kPaperModel =
    BAM_SOURCE_DIR "/launch/recipes/models/2b-bam-expert-kv.textproto";

TEST_F(Plan, RanksLayouts) {
  const json found = json::parse(
      expect_code(0, alone(priced({"plan", "layouts", kPaperModel, "--limit", "0", "--json"},
                                  {"--set", "cluster.nodes=2"})))
          .out);
  EXPECT_EQ(found["ranks"], 16);
  EXPECT_EQ(found["layouts"].size(), found["examined"].get<std::size_t>());
  EXPECT_TRUE(found["layouts"][0]["fits"].get<bool>());
  EXPECT_GT(found["layouts"][0]["step"]["seconds"].get<double>(), 0);
  const std::string table = expect_code(0, alone(priced({"plan", "layouts", kPaperModel}))).out;
  EXPECT_NE(table.find("Predictions"), std::string::npos) << table;
}

TEST_F(Plan, RanksLayoutsUnderLoads) {
  const auto step_on_four = [&](const Words& more) {
    const Words words = priced({"plan", "layouts", kPaperModel, "--limit", "0", "--json"}, more);
    const json found = json::parse(expect_code(0, alone(words)).out);
    for (const json& layout : found["layouts"]) {
      if (layout["expert_parallel"] == 4 && layout["micro_steps"] == 1) {
        return layout["step"]["seconds"].get<double>();
      }
    }
    return 0.0;
  };
  const std::string hot = written("hot.csv", "100,10,10,10\n");
  const double even = step_on_four({});
  const double placed = step_on_four({"--loads", hot});
  const double in_turn = step_on_four({"--loads", hot, "--round-robin"});
  EXPECT_GT(even, 0);
  EXPECT_LT(even, placed);
  EXPECT_LT(placed, in_turn);
  expect_refused(priced({"plan", "layouts", kPaperModel, "--round-robin"}),
                 {"--round-robin", "--loads"});
  expect_refused(priced({"plan", "layouts", kPaperModel, "--loads", written("two.csv", "1,2\n")}),
                 {"--loads: 2 experts where the model has 4"});
}

TEST_F(Plan, SaysWhatWouldBe) {
  Words words = {"plan", "what-if", kPaperModel, "--json"};
  for (const std::string& word : kPaper) {
    words.push_back(word == "--set" ? "--given" : word);
  }
  words.insert(words.end(), {"--set", "cluster.nodes=4"});
  const json found = json::parse(expect_code(0, alone(words)).out);
  EXPECT_LT(found["changed"]["step"]["seconds"], found["as_it_is"]["step"]["seconds"]);
}

// Training runs so: what is recommended is not refused.
TEST_F(Plan, SaysHowManyRanksHaveNoSequences) {
  const SmallWorld& small = SmallWorld::get();
  const Words three = {"--set", "cluster.ranks_per_node=3", "--set",
                       "training.sequences_per_step=2"};
  Words words = {"plan", "layouts", small.expert_kv(), "--cluster", "two-cores"};
  words.insert(words.end(), three.begin(), three.end());
  const std::string table = expect_code(0, alone(words)).out;
  EXPECT_NE(table.find("\n1 rank has no sequences"), std::string::npos) << table;
  words[1] = "what-if";
  const std::string text = expect_code(0, alone(words)).out;
  EXPECT_NE(text.find("\nchanged, 1 rank has no sequences"), std::string::npos) << text;
  EXPECT_EQ(text.find("as it is, 1"), std::string::npos) << text;
  expect_code(0, on_ranks(3, train(small.expert_kv(), file("run"),
                                   settings({"training.sequences_per_step=2"}))));
}

TEST_F(Plan, IsPriced) {
  const std::string four = written("four.csv", "400,100,50,250\n");
  const Words words = {"plan", "place",   "--loads", four,    "--model",    kPaperModel, "--ranks",
                       "4",    "--slots", "10",      "--out", file("plan"), "--json"};
  const json found = json::parse(expect_code(0, alone(priced(words))).out);
  EXPECT_LT(found["costs"]["step_planned"], found["costs"]["step_before"]);
  EXPECT_EQ(found["costs"]["before"], "round-robin");
  EXPECT_GT(found["costs"]["replicas"]["bytes"]["node"].get<double>(), 0);
  const std::string later = written("later.csv", "100,400,250,50\n");
  const Words again = {"plan",      "place",  "--loads",    later,     "--model",
                       kPaperModel, "--from", file("plan"), "--moves", "3",
                       "--ranks",   "4",      "--slots",    "10",      "--json"};
  const json moved = json::parse(expect_code(0, alone(priced(again))).out);
  EXPECT_EQ(moved["costs"]["before"], file("plan"));
  EXPECT_GT(moved["costs"]["migration"]["replicas"], 0);
  EXPECT_GT(moved["costs"]["migration"]["pays_after_steps"], 0);
}

TEST_F(Plan, CalibratesTheRanksItRunsOn) {
  expect_code(0, on_ranks(2, {"plan", "calibrate", "--quick", "--out", file("here")}));
  const Words words = {"plan",      "layouts",    SmallWorld::get().expert_kv(),
                       "--cluster", file("here"), "--json"};
  const json found = json::parse(expect_code(0, alone(words)).out);
  EXPECT_EQ(found["ranks"], 2);
  EXPECT_GT(found["layouts"][0]["step"]["seconds"].get<double>(), 0);
  const std::string table =
      expect_code(
          0, alone({"plan", "layouts", SmallWorld::get().expert_kv(), "--cluster", file("here")}))
          .out;
  EXPECT_NE(table.find("kB, optimizer"), std::string::npos) << table;
}

TEST_F(Plan, KnowsClustersByName) {
  for (const char* name : {"dgx-h100", "dgx-a100", "hgx-h200", "two-cores"}) {
    const Words words = {"plan",      "layouts", SmallWorld::get().expert_kv(),
                         "--cluster", name,      "--json"};
    const json found = json::parse(expect_code(0, alone(words)).out);
    EXPECT_GT(found["layouts"][0]["step"]["seconds"].get<double>(), 0) << name;
  }
}

TEST_F(Plan, RefusesClustersThatAreNone) {
  expect_refused({"plan", "layouts", kPaperModel, "--cluster", "dgx-h1000"},
                 {"dgx-h1000", "dgx-h100"});
  expect_refused({"plan", "layouts", kPaperModel, "--cluster", "dgx-h100"},
                 {"training.sequences_per_step: 0"});
  expect_refused(priced({"plan", "layouts", kPaperModel, "--set", "cluster.nodes=0"}),
                 {"dgx-h100: nodes: 0"});
  expect_refused(priced({"plan", "layouts", kPaperModel, "--set", "cluster.memory=0"}),
                 {"dgx-h100: memory: 0"});
  expect_refused({"plan", "what-if", kPaperModel, "--cluster", "dgx-h100"}, {"--set"});
}

TEST_F(Plan, DrawsAMapOfTheLoads) {
  place({"--ranks", "8", "--slots", "16", "--map", file("map.svg")});
  const std::string map = read_file(file("map.svg"));
  EXPECT_TRUE(map.starts_with("<svg")) << map.substr(0, 40);
  EXPECT_NE(map.find("planned"), std::string::npos);
  EXPECT_NE(map.find("before: round-robin"), std::string::npos);
}

TEST_F(Plan, RefusesLoadsThatAreNone) {
  const auto refused = [&](const std::string& text, const std::string& part) {
    expect_refused({"plan", "place", "--ranks", "2", "--out", file("out"), "--loads",
                    written("bad.csv", text)},
                   {"bad.csv", part});
  };
  refused("1,2\n3\n", ":2: 1 experts");
  refused("1,nan\n", "field 2: nan");
  refused("1,-2\n", "field 2: -2");
  refused("0,0\n", "all loads are 0\n");
  refused("1e308,1e308\n", "the sum of all loads overflows");
}

TEST_F(Plan, RefusesRanksAndMemoryThatDoNotFit) {
  expect_place_refused({}, {"--ranks: missing"});
  expect_place_refused({"--ranks", "0"}, {"--ranks: 0"});
  expect_place_refused({"--ranks", "8", "--slots", "-1"}, {"--slots: -1"});
  expect_place_refused({"--ranks", "8", "--slots", "11"}, {"bam: --slots: 11", "12 experts"});
  expect_place_refused({"--ranks", "8", "--slots", "0"}, {"--slots: 0"});
  expect_place_refused({"--ranks", "8", "--rank-slots", "0"}, {"--rank-slots", "rank 0: 0"});
  expect_place_refused({"--ranks", "8", "--rank-slots", "1"}, {"slots: 12", "room for 8"});
  expect_place_refused({"--ranks", "8", "--rank-slots", "2,2"}, {"--rank-slots: 2 numbers"});
  expect_place_refused({"--ranks", "8", "--speeds", "1,1,1,1,1,1,1,-1"}, {"--speeds: rank 7: -1"});
  expect_place_refused({"--ranks", "8", "--nodes", "3"}, {"bam: --nodes: 3", "--ranks"});
  expect_place_refused({"--ranks", "8", "--nodes", "2", "--slots", "16", "--group", "5"},
                       {"bam: --group: 5", "12 experts"});
  expect_place_refused({"--ranks", "8", "--shares", "fair"}, {"--shares: fair"});
  expect_place_refused({"--ranks", "8", "--from", "plan"}, {"--moves"});
  place({"--ranks", "8", "--slots", "16"});
  const Words from = {"--from", file("plan"), "--moves", "1"};
  const auto refused_from = [&](Words more, const Words& parts) {
    more.insert(more.end(), from.begin(), from.end());
    expect_place_refused(more, parts);
  };
  refused_from({"--slots", "14"},
               {"bam: --slots: 14 are too few for the 16 copies in layer 0 of " + file("plan")});
  refused_from({"--rank-slots", "1,4,4,4,4,4,4,4"}, {"bam: --rank-slots: rank 0 has room for 1"});
  refused_from({"--ranks", "4"}, {"bam: --ranks: 4 where " + file("plan") + " is for 8"});
  refused_from({"--nodes", "2", "--group", "3"}, {"--from ", "on more than one node"});
  expect_refused({"plan", "place", "--loads", written("two.csv", "1,2\n"), "--from", file("plan"),
                  "--moves", "1"},
                 {"bam: --loads: 1 layers of 0 attention and 2 FFN experts where"});
}

TEST_F(Plan, GoesOnUnderTheTermsOfThePlanItChanges) {
  place({"--ranks", "8", "--slots", "18", "--rank-slots", "4", "--nodes", "2", "--group", "3",
         "--speeds", "1,1,1,1,2,2,2,2"});
  fs::rename(file("plan"), file("before"));
  const json kept = json::parse(place({"--from", file("before"), "--moves", "2", "--json"}).out);
  EXPECT_EQ(kept["slots"], 18);
  EXPECT_EQ(kept["nodes"], 2);
  const PlanTerms before = read_plan(file("before")).terms;
  const PlanTerms after = read_plan(file("plan")).terms;
  EXPECT_EQ(after.group, 3);
  for (std::size_t rank = 0; rank < 8; ++rank) {
    EXPECT_EQ(after.ranks[rank].slots, 4);
    EXPECT_EQ(after.ranks[rank].speed, before.ranks[rank].speed);
  }
  const json more =
      json::parse(place({"--from", file("before"), "--moves", "2", "--slots", "20", "--json"}).out);
  EXPECT_EQ(more["slots"], 20);
}

TEST_F(Plan, KeepsItsProofWhenItIsTheBest) {
  place({"--ranks", "8", "--slots", "16"});
  fs::rename(file("plan"), file("before"));
  const std::string table = place({"--from", file("before"), "--moves", "2"}).out;
  EXPECT_NE(table.find("2 of 2 layers proven optimal"), std::string::npos) << table;
  EXPECT_NE(table.find("0 copies go to another rank"), std::string::npos) << table;
  EXPECT_EQ(read_file(file("plan")), read_file(file("before")));
  expect_code(0, alone({"plan", "verify", file("plan")}));
}

TEST_F(Plan, RefusesAModelThatDoesNotFitTheLoads) {
  expect_place_refused({"--ranks", "2", "--model", SmallWorld::get().expert_kv()},
                       {"--loads: ", "where the model has"});
  expect_place_refused({"--ranks", "2", "--model", SmallWorld::get().dense()},
                       {"--model: a dense model"});
}

TEST_F(Plan, RefusesVerbsAndFilesThatAreNone) {
  expect_refused({"plan"}, {"usage: bam plan"});
  expect_refused({"plan", "guess"}, {"guess"});
  expect_refused({"plan", "verify", "/nowhere"}, {"/nowhere"});
  expect_refused({"plan", "verify", written("hand", "ranks: 2 layers { ffn: [0, 1] }")},
                 {"hand: terms: missing"});
  expect_refused({"plan", "diff", "a"}, {"usage: bam plan diff"});
}

}  // namespace
}  // namespace bam
