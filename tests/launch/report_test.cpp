#include "launch/report_command.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <regex>

#include "io/text_file.h"
#include "launch/recipe.h"
#include "runtime/check.h"
#include "tests/io/temporary_folder.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

std::string metrics(int steps) {
  std::string text;
  for (int i = 1; i <= steps; ++i) {
    nlohmann::json line = {{"step", i}, {"loss", 7.0 / i + 2}};
    if (i % 5 == 0) {
      line["validation"] = {{"law", 7.0 / i + 2.1}};
    }
    text += line.dump() + "\n";
  }
  return text;
}

nlohmann::json scores(bool has_routing) {
  nlohmann::json json = {{"domains", nlohmann::json::object()}, {"routing", nlohmann::json::array()}};
  for (const char* domain : {"general", "code", "law", "math"}) {
    json["domains"][domain]["documents"] =
        nlohmann::json::array({{{"nll", 40.0}, {"tokens", 20}, {"bytes", 50}}});
    for (int layer = 0; has_routing && layer < 4; ++layer) {
      json["routing"].push_back({{"layer", layer}, {"kind", "ffn"}, {"domain", domain},
                                 {"load", {0.1, 0.2, 0.3, 0.4}}, {"mean_gate", {0.1, 0.2, 0.3, 0.4}},
                                 {"entropy", 1.0}});
    }
  }
  return json;
}

void make_run(const fs::path& root) {
  const RunFolder folder(root);
  fs::create_directories(root / "scores");
  const fs::path recipe_path = fs::path(BAM_SOURCE_DIR) / "launch/recipes/quickstart.textproto";
  write_file(folder.recipe(), read_file(recipe_path));
  Results results{{"general", "code", "law", "math"}, {}, {}};
  std::vector<DomainScores> all;
  const proto::Recipe recipe = read_recipe(recipe_path);
  for (const auto& phase : recipe.phases()) {
    fs::create_directories(folder.phase(phase.name()));
    write_file(folder.metrics_of(phase.name()), metrics(50));
    write_file(folder.scores_of(phase.name()),
               scores(phase.kind() == proto::Phase::MIXTURE).dump());
    all.push_back(read_scores(folder.scores_of(phase.name())));
    results.models.push_back({phase.name(), name_of(phase.kind()), {1'000'000, 900'000}, 1, 2, 3, 4,
                              {}, {}, 0, 0});
    add_scores(results.models.back(), results.domains, all.back());
  }
  results.differences = differences_of(results.models, results.domains, all);
  write_results(folder.results(), results);
}

TEST(Report, NeedsNothingOutsideItself) {
  const TemporaryFolder folder;
  make_run(folder.path());
  const std::vector<std::string> arguments = {folder.path().string()};
  EXPECT_EQ(report_command(arguments), 0);
  const std::string page = read_file(folder / "report.html");
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_EQ(page.find("<link"), std::string::npos);
  EXPECT_EQ(page.find("@import"), std::string::npos);
  const std::regex outside(R"re((src|href|url)\s*[=(]\s*["']?\s*(https?:|//|file:))re");
  EXPECT_FALSE(std::regex_search(page, outside));
}

TEST(Report, ShowsCurvesTablesAndRouting) {
  const TemporaryFolder folder;
  make_run(folder.path());
  const Report report = report_of(folder.path());
  EXPECT_EQ(report.dense_losses.size(), 4U);
  EXPECT_EQ(report.mixture_losses.size(), 4U);
  EXPECT_EQ(report.routing.size(), 3U);
  EXPECT_EQ(report.routing[0].domains.size(), 4U);
  const std::string page = html_of(report);
  EXPECT_NE(page.find("BAM, expert KV"), std::string::npos);
  const std::regex picture("<svg");
  EXPECT_EQ(std::distance(std::sregex_iterator(page.begin(), page.end(), picture),
                          std::sregex_iterator()),
            2 + 1 + 3);
}

TEST(Report, EscapesWhatItIsGiven) {
  EXPECT_EQ(escaped("<b> & \"x\""), "&lt;b&gt; &amp; &quot;x&quot;");
}

TEST(Report, RefusesAFolderThatIsNoRun) {
  const TemporaryFolder folder;
  EXPECT_THROW(report_of(folder.path()), BadInput);
}

TEST(RunningMean, AveragesTheWindow) {
  EXPECT_EQ(running_mean({1, 3, 5, 7}, 2), (std::vector<double>{1, 2, 4, 6}));
  EXPECT_EQ(running_mean({}, 3), std::vector<double>{});
}

}  // namespace
}  // namespace bam
