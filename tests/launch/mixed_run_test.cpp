// From text to an evaluated mixture, by the commands a user types.
#include "tests/launch/mixed_run.h"

#include <gtest/gtest.h>

#include <cmath>

#include "io/checkpoint_reader.h"
#include "tests/launch/run_comparison.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

struct Sums {
  double nll = 0;
  double tokens = 0;
  double bytes = 0;
};

Sums sums_of(const nlohmann::json& documents) {
  Sums sums;
  for (const nlohmann::json& document : documents) {
    sums.nll += document.at("nll").get<double>();
    sums.tokens += document.at("tokens").get<double>();
    sums.bytes += document.at("bytes").get<double>();
  }
  return sums;
}

void expect_inside(const nlohmann::json& interval) {
  EXPECT_LE(interval.at("low"), interval.at("value"));
  EXPECT_GE(interval.at("high"), interval.at("value"));
  EXPECT_LT(interval.at("low"), interval.at("high"));
}

nlohmann::json inspected(const fs::path& checkpoint) {
  return nlohmann::json::parse(
      expect_code(0, alone({"inspect", checkpoint.string(), "--json"})).out);
}

TEST(MixedRun, DataSaysWhatBecameOfTheDocuments) {
  const Outcome& data = MixedRun::get().data();
  EXPECT_NE(data.out.find("law.h5: "), std::string::npos) << data.out;
  EXPECT_NE(data.out.find("in 48 documents"), std::string::npos) << data.out;
  EXPECT_NE(data.out.find("in 12; 0 near-duplicates left out"), std::string::npos) << data.out;
  EXPECT_NE(data.err.find("encoding code"), std::string::npos) << data.err;
}

TEST(MixedRun, EverySpecialistIsBestInItsOwnDomain) {
  const auto loss = [](const std::string& model, const std::string& domain) {
    return scores_of(MixedRun::get().run(model), 1)
        .at("domains")
        .at(domain)
        .at("loss")
        .get<double>();
  };
  EXPECT_LT(loss("law-expert", "law"), loss("code-expert", "law"));
  EXPECT_LT(loss("code-expert", "code"), loss("law-expert", "code"));
}

TEST(MixedRun, EvaluationsNumbersBelongTogether) {
  const nlohmann::json scores = scores_of(MixedRun::get().run("expert_kv"), 1);
  ASSERT_EQ(scores.at("domains").size(), 2U);
  for (const auto& [domain, score] : scores.at("domains").items()) {
    const Sums sums = sums_of(score.at("documents"));
    EXPECT_GE(sums.tokens, 990);
    EXPECT_NEAR(score.at("loss"), sums.nll / sums.tokens, 1e-12) << domain;
    EXPECT_NEAR(score.at("perplexity").at("value"), std::exp(sums.nll / sums.tokens), 1e-9);
    EXPECT_NEAR(score.at("bits_per_byte").at("value"), sums.nll / std::log(2) / sums.bytes, 1e-12);
    expect_inside(score.at("perplexity"));
    expect_inside(score.at("bits_per_byte"));
    EXPECT_LT(score.at("loss"), std::log(SmallWorld::kVocabulary));
  }
}

TEST(MixedRun, EvaluationIsTheSameOnOneRankAndTwo) {
  for (const char* model : {"expert_kv", "btx"}) {
    const nlohmann::json one = scores_of(MixedRun::get().run(model), 1);
    const nlohmann::json two = scores_of(MixedRun::get().run(model), 2);
    for (const char* domain : {"law", "code"}) {
      const nlohmann::json& a = one.at("domains").at(domain);
      const nlohmann::json& b = two.at("domains").at(domain);
      EXPECT_EQ(a.at("documents").size(), b.at("documents").size());
      const double loss = a.at("loss");
      EXPECT_NEAR(b.at("loss"), loss, 1e-5 * loss) << model << " " << domain;
    }
    EXPECT_EQ(one.at("routing").size(), two.at("routing").size());
  }
}

// Expert 3 of the FFN is the seed's copy, so with the parents' weights nothing is lost: the mixture
// starts near its parents, far below a model that knows nothing.
TEST(MixedRun, AMixtureStartsFromWhatItsParentsKnow) {
  const double start = series(MixedRun::get().run("expert_kv"), "loss").front();
  const double seed_start = series(MixedRun::get().run("seed"), "loss").front();
  const double seed_end = series(MixedRun::get().run("seed"), "loss").back();
  EXPECT_LT(start, (seed_start + seed_end) / 2);
}

TEST(MixedRun, InspectionTellsParametersTokensAndLineage) {
  const MixedRun& run = MixedRun::get();
  const nlohmann::json seen = inspected(run.run("expert_kv"));
  std::int64_t elements = 0;
  for (const nlohmann::json& tensor : seen.at("tensors")) {
    elements += tensor.at("elements").get<std::int64_t>();
  }
  const ParameterCount count =
      count_parameters(CheckpointReader(run.run("expert_kv")).config().model);
  EXPECT_EQ(seen.at("parameters").at("total"), elements);
  EXPECT_EQ(seen.at("parameters").at("total"), count.total);
  EXPECT_EQ(seen.at("parameters").at("active"), count.active);
  EXPECT_LT(seen.at("parameters").at("active"), seen.at("parameters").at("total"));
  EXPECT_GT(seen.at("parameters").at("total"),
            inspected(run.run("shared_kv")).at("parameters").at("total"));

  constexpr std::int64_t kTokens = 12 * 32;  // a step
  EXPECT_EQ(seen.at("tokens").at("phase"), SmallWorld::kSteps * kTokens);
  EXPECT_EQ(seen.at("tokens").at("cumulative"), (60 + 3 * SmallWorld::kSteps) * kTokens);
  const nlohmann::json& upcycled = seen.at("lineage").at("parents").at(0);
  EXPECT_EQ(upcycled.at("made_by"), "upcycle");
  ASSERT_EQ(upcycled.at("parents").size(), 3U);
  EXPECT_EQ(upcycled.at("parents")[1].at("run"), "law-expert");
  EXPECT_EQ(upcycled.at("parents")[1].at("parents")[0].at("run"), "seed");
}

TEST(MixedRun, InspectionVerifiesEveryTile) {
  const Outcome outcome =
      expect_code(0, alone({"inspect", "verify", MixedRun::get().run("btx").string()}));
  EXPECT_NE(outcome.out.find("tiles verified"), std::string::npos) << outcome.out;
}

TEST(MixedRun, ReportIsOnePage) {
  const fs::path run = MixedRun::get().run("shared_kv");
  const Outcome outcome = expect_code(0, alone({"report", run.string()}));
  EXPECT_EQ(outcome.out, (run / "report.html").string() + "\n");
  EXPECT_GT(fs::file_size(run / "report.html"), 2000U);
}

}  // namespace
}  // namespace bam
