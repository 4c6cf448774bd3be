#include "tests/launch/mixed_run.h"

#include <gtest/gtest.h>

namespace bam {

const MixedRun& MixedRun::get() {
  static const MixedRun run;
  return run;
}

MixedRun::MixedRun() {
  const SmallWorld& world = SmallWorld::get();
  data_ = expect_code(
      0, alone({"data", "--domain", "law=" + world.text("law").string(), "--domain",
                "code=" + world.text("code").string(), "--vocabulary",
                std::to_string(SmallWorld::kVocabulary), "--out", (folder_ / "data").string()}));
  train_dense("seed", {"training.steps=60"});
  const std::string init = "init_from=" + run("seed").string();
  train_dense("law-expert", {init, "data.domains[1].share=0.1"});
  train_dense("code-expert", {init, "data.domains[0].share=0.1"});
  mix("expert_kv", world.expert_kv());
  mix("shared_kv", world.shared_kv());
  mix("btx", world.btx());
}

Words MixedRun::paths() const {
  return settings({"data.domains[0].path=" + tokens("law").string(),
                   "data.domains[1].path=" + tokens("code").string()});
}

void MixedRun::train_dense(const std::string& name, const Words& assignments) const {
  Words more = settings(assignments);
  const Words data = paths();
  more.insert(more.end(), data.begin(), data.end());
  expect_code(0, alone(train(SmallWorld::get().dense(), run(name), more)));
}

void MixedRun::mix(const std::string& name, const std::string& config) const {
  // Four FFN experts of three dense models: the fourth is the seed's again.
  Words upcycle = {"upcycle",
                   "--config",
                   config,
                   "--out",
                   upcycled(name).string(),
                   "--parents",
                   run("seed").string(),
                   run("law-expert").string(),
                   run("code-expert").string()};
  Words more = paths();
  if (name != "btx") {
    const Words attention = settings({"model.mixture.attention.experts=3"});
    more.insert(more.end(), attention.begin(), attention.end());
  }
  upcycle.insert(upcycle.end(), more.begin(), more.end());
  expect_code(0, alone(upcycle));
  const Words start = settings({"init_from=" + upcycled(name).string()});
  more.insert(more.end(), start.begin(), start.end());
  expect_code(0, on_ranks(2, train(config, run(name), more)));
}

nlohmann::json scores_of(const std::filesystem::path& checkpoint, int ranks) {
  const TemporaryFolder folder;
  const MixedRun& mixed = MixedRun::get();
  expect_code(0, on_ranks(ranks, {"eval", checkpoint.string(), "--data",
                                  "law=" + mixed.tokens("law").string(),
                                  "code=" + mixed.tokens("code").string(), "--tokens", "1000",
                                  "--json", (folder / "scores.json").string()}));
  return json_in(folder / "scores.json");
}

}  // namespace bam
