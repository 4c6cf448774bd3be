#include "launch/report_command.h"

#include <iostream>

#include "io/field_check.h"
#include "io/metrics_reader.h"
#include "io/text_file.h"
#include "launch/command_line.h"
#include "launch/exit_codes.h"
#include "launch/recipe.h"
#include "runtime/check.h"

namespace bam {
namespace {

namespace fs = std::filesystem;
namespace po = boost::program_options;

/// A running mean over this part of a curve is what is drawn.
constexpr std::size_t kWindowPart = 50;

/// A loss that is not finite stands as null in the file, and leaves a gap in the curve.
void add_point(const nlohmann::json& line, const nlohmann::json& loss, Curve& curve) {
  const auto step = line.find("step");
  if (step != line.end() && step->is_number() && loss.is_number()) {
    curve.x.push_back(*step);
    curve.y.push_back(loss);
  }
}

Curve loss_curve(const std::string& title, const std::vector<nlohmann::json>& metrics) {
  Curve curve{title, {}, {}};
  for (const auto& line : metrics) {
    add_point(line, line.value("loss", nlohmann::json()), curve);
  }
  curve.y = running_mean(curve.y, std::max<std::size_t>(1, curve.y.size() / kWindowPart));
  return curve;
}

void add_validation(const std::string& title, const std::vector<nlohmann::json>& metrics,
                    Report& report) {
  std::map<std::string, Curve> curves;
  for (const auto& line : metrics) {
    const auto validation = line.find("validation");
    if (validation == line.end()) {
      continue;
    }
    for (const auto& [domain, loss] : validation->items()) {
      add_point(line, loss, curves[domain]);
    }
  }
  for (auto& [domain, curve] : curves) {
    if (curve.x.size() > 1) {
      curve.title = title;
      report.validation_losses[domain].push_back(std::move(curve));
    }
  }
}

/// Attention routing is soft: its mean gates tell where a token's attention comes from.
const char* share_of(const std::string& kind) { return kind == "ffn" ? "load" : "mean_gate"; }

std::size_t layer_of(const nlohmann::json& entry) {
  constexpr std::int64_t kMostLayers = 1024;
  const auto layer = entry.at("layer").get<std::int64_t>();
  check_input(layer >= 0 && layer < kMostLayers, "routing: layer: ", layer,
              " where a number from 0 to ", kMostLayers - 1, " was expected");
  return static_cast<std::size_t>(layer);
}

RoutingPicture picture_of(const std::string& kind, const nlohmann::json& entries) {
  RoutingPicture picture;
  for (const auto& entry : entries) {
    if (entry.at("kind") != kind) {
      continue;
    }
    const std::string domain = entry.at("domain");
    if (picture.domains.empty() || picture.domains.back().domain != domain) {
      picture.domains.push_back({domain, {}});
    }
    auto& layers = picture.domains.back().layers;
    const std::size_t layer = layer_of(entry);
    layers.resize(std::max(layers.size(), layer + 1));
    entry.at(share_of(kind)).get_to(layers[layer]);
  }
  return picture;
}

void add_routing(const std::string& title, const fs::path& scores, Report& report) {
  if (!fs::exists(scores)) {
    return;
  }
  try {
    const auto json = nlohmann::json::parse(read_file(scores));
    for (const char* kind : {"ffn", "attention"}) {
      const auto entries = json.value("routing", nlohmann::json::array());
      auto picture = naming(scores.string(), [&] { return picture_of(kind, entries); });
      if (!picture.domains.empty()) {
        picture.title = title + ": " + (kind == std::string("ffn") ? "FFN" : kind) + " experts";
        report.routing.push_back(std::move(picture));
      }
    }
  } catch (const nlohmann::json::exception& error) {
    throw BadInput(message_of(scores.string(), ": ", error.what()));
  }
}

void add_phase(const proto::Phase& phase, const RunFolder& folder, Report& report) {
  const std::string& title = report.titles.at(phase.name());
  add_routing(title, folder.scores_of(phase.name()), report);
  if (!fs::exists(folder.metrics_of(phase.name()))) {
    return;
  }
  const auto metrics = read_metrics(folder.metrics_of(phase.name()));
  const bool is_dense = phase.kind() == proto::Phase::SEED || phase.kind() == proto::Phase::BRANCH;
  (is_dense ? report.dense_losses : report.mixture_losses).push_back(loss_curve(title, metrics));
  add_validation(title, metrics, report);
}

Report recipe_report(const RunFolder& folder) {
  const proto::Recipe recipe = read_recipe(folder.recipe());
  Report report;
  report.title = recipe.name();
  report.titles = titles_of(recipe);
  if (fs::exists(folder.results())) {
    report.results = read_results(folder.results());
  }
  for (const auto& phase : recipe.phases()) {
    add_phase(phase, folder, report);
  }
  return report;
}

}  // namespace

Report report_of(const fs::path& run) {
  const RunFolder folder(run);
  if (is_file(folder.recipe())) {
    return recipe_report(folder);
  }
  check_input(is_file(run / "metrics.jsonl"), run.string(),
              ": holds neither recipe.textproto nor metrics.jsonl");
  const auto metrics = read_metrics(run / "metrics.jsonl");
  Report report;
  report.title = fs::weakly_canonical(run).filename().string();
  report.dense_losses.push_back(loss_curve(report.title, metrics));
  add_validation(report.title, metrics, report);
  return report;
}

int report_command(std::span<const std::string> arguments) {
  CommandLine command{"bam report RUN: writes RUN/report.html", {}, {}};
  command.options.add_options()
      ("run", po::value<std::string>()->required(), "folder of a recipe's run or of one training run");
  command.positional.add("run", 1);
  const auto options = read_command_line(std::move(command), arguments);
  if (!options) {
    return kDone;
  }
  const fs::path run = (*options)["run"].as<std::string>();
  const std::string page = html_of(report_of(run));
  write_file(run / "report.html", page);
  std::cout << (run / "report.html").string() << "\n";
  return kDone;
}

}  // namespace bam
