#include "io/report_page.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <set>
#include <sstream>

#include "io/results_table.h"
#include "runtime/check.h"

namespace bam {
namespace {

constexpr const char* kStyle = R"css(
:root { color-scheme: light dark; --ink: #22262b; --soft: #667080; --paper: #fbfaf7;
  --card: #ffffff; --line: #e2dfd8; --strong: #12365f; --accent: #eef3f8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e6ea; --soft: #9aa3b0; --paper: #16181c;
  --card: #1d2025; --line: #343840; --strong: #9cc3ea; --accent: #222a34; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.55 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 40px 24px 80px; }
h1 { font-size: 28px; margin: 0 0 4px; letter-spacing: -0.01em; }
h2 { font-size: 19px; margin: 44px 0 8px; }
p { margin: 6px 0 12px; color: var(--soft); max-width: 74ch; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 14px 18px; margin: 12px 0; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 10px; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; font-size: 13px; }
tr:last-child td { border-bottom: 0; }
th:first-child, td:first-child { text-align: left; }
td.best { font-weight: 700; color: var(--strong); background: var(--accent); }
td small { color: var(--soft); font-weight: 400; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(440px, 1fr)); gap: 12px; }
figure { margin: 0; } figcaption { color: var(--soft); font-size: 13px; }
svg { width: 100%; height: auto; display: block; }
)css";

std::string number(double value, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

std::string cell(const std::string& content, const std::string& kind = "") {
  return "<td" + (kind.empty() ? "" : " class=\"" + kind + "\"") + ">" + content + "</td>";
}

std::string heading_row(const std::vector<std::string>& names) {
  std::string row = "<tr>";
  for (const auto& name : names) {
    row += "<th>" + escaped(name) + "</th>";
  }
  return row + "</tr>\n";
}

std::string title_of(const Report& report, const std::string& name) {
  const auto found = report.titles.find(name);
  return escaped(found == report.titles.end() ? name : found->second);
}

/// Large numbers need no more than four figures.
int digits_for(double value, int digits) {
  return std::abs(value) >= 1000 ? 0 : std::abs(value) >= 100 ? std::min(1, digits) : digits;
}

std::string with_interval(const Interval& interval, int most_digits) {
  const int digits = digits_for(interval.value, most_digits);
  return number(interval.value, digits) + " <small>[" + number(interval.low, digits) + ", " +
         number(interval.high, digits) + "]</small>";
}

/// The smallest value of a column over the models.
template <class Value>
double least(const Results& results, const Value& value) {
  double best = value(results.models.front());
  for (const auto& model : results.models) {
    best = std::min(best, value(model));
  }
  return best;
}

/// One column a domain, and the mean beside them; the best of each column stands out.
template <class Intervals>
std::string domain_table(const Report& report, const Intervals& intervals, bool with_average) {
  const Results& results = *report.results;
  std::vector<std::string> names = {"model"};
  names.insert(names.end(), results.domains.begin(), results.domains.end());
  if (with_average) {
    names.insert(names.end(), {"average", "geometric mean"});
  }
  std::string html = "<div class=\"card\"><table>" + heading_row(names);
  for (const auto& model : results.models) {
    html += "<tr>" + cell(title_of(report, model.name));
    for (const auto& domain : results.domains) {
      const Interval& interval = intervals(model).at(domain);
      const double best =
          least(results, [&](const ModelResult& m) { return intervals(m).at(domain).value; });
      html += cell(with_interval(interval, with_average ? 2 : 3),
                   interval.value <= best ? "best" : "");
    }
    if (with_average) {
      for (const auto member : {&ModelResult::average, &ModelResult::geometric_mean}) {
        const double best = least(results, [&](const ModelResult& m) { return m.*member; });
        html += cell(number(model.*member, digits_for(model.*member, 2)),
                     model.*member <= best ? "best" : "");
      }
    }
    html += "</tr>\n";
  }
  return html + "</table></div>\n";
}

std::string cost_table(const Report& report) {
  std::string html = "<div class=\"card\"><table>" +
                     heading_row({"model", "kind", "parameters", "active", "tokens, this phase",
                                  "tokens, all phases", "FLOP, this phase", "seconds, this phase"});
  for (const auto& model : report.results->models) {
    html += "<tr>" + cell(title_of(report, model.name)) + cell(escaped(model.kind));
    for (const double value : {static_cast<double>(model.parameters.total),
                               static_cast<double>(model.parameters.active),
                               static_cast<double>(model.tokens_phase),
                               static_cast<double>(model.tokens_cumulative), model.flops}) {
      html += cell(short_number(value));
    }
    html += cell(number(model.seconds, 0)) + "</tr>\n";
  }
  return html + "</table></div>\n";
}

/// Differences among the models of the last phase: mixtures and controls.
std::string difference_table(const Report& report) {
  const Results& results = *report.results;
  std::set<std::string> last_phase;
  for (const auto& model : results.models) {
    if (model.kind == "mixture" || model.kind == "control") {
      last_phase.insert(model.name);
    }
  }
  std::vector<std::string> names = {"difference"};
  names.insert(names.end(), results.domains.begin(), results.domains.end());
  std::string html = "<div class=\"card\"><table>" + heading_row(names);
  std::string pair;
  for (const auto& difference : results.differences) {
    if (!last_phase.contains(difference.a) || !last_phase.contains(difference.b)) {
      continue;
    }
    const std::string next = difference.a + " " + difference.b;
    if (next != pair) {
      html += (pair.empty() ? "<tr>" : "</tr>\n<tr>") +
              cell(title_of(report, difference.a) + " &minus; " + title_of(report, difference.b));
      pair = next;
    }
    const Interval& interval = difference.perplexity;
    html += cell(with_interval(interval, 2), interval.low > 0 || interval.high < 0 ? "best" : "");
  }
  return html + (pair.empty() ? "" : "</tr>") + "</table></div>\n";
}

std::string figure(const std::string& svg, const std::string& caption) {
  return "<figure class=\"card\">" + svg + "<figcaption>" + escaped(caption) +
         "</figcaption></figure>\n";
}

std::string results_section(const Report& report) {
  return "<h2>Perplexity</h2><p>Lower is better; the best of each column stands out. Every token of "
         "the validation text is scored once. In brackets: 95 % intervals, bootstrap over documents."
         "</p>" +
         domain_table(report, [](const ModelResult& m) -> const auto& { return m.perplexity; }, true) +
         "<h2>What each row cost</h2><p>A control continues its parent on the mixtures' data: the same "
         "tokens in the same order as the mixture phase, and no share in the branches' tokens.</p>" +
         cost_table(report) +
         "<h2>Differences</h2><p>Perplexity of the first minus the second over the same resampled "
         "documents, 95 % intervals; those that exclude 0 stand out.</p>" +
         difference_table(report) + "<h2>Bits per byte</h2>" +
         domain_table(report, [](const ModelResult& m) -> const auto& { return m.bits_per_byte; },
                      false);
}

std::string losses_section(const Report& report) {
  std::string html = "<h2>Loss</h2>";
  if (!report.dense_losses.empty()) {
    html += figure(svg_of({"step", "training loss, nats", report.dense_losses}, "dense"),
                   "Training loss, running mean: seed and branches, each on its own data");
  }
  if (!report.mixture_losses.empty()) {
    html += figure(svg_of({"step", "training loss, nats", report.mixture_losses}, "mixtures"),
                   "Training loss, running mean: mixtures and control, all on the same data");
  }
  int count = 0;
  std::string grid;
  for (const auto& [domain, curves] : report.validation_losses) {
    grid += figure(svg_of({"step", "validation loss, nats", curves},
                          "validation" + std::to_string(count++)),
                   "Validation loss: " + domain);
  }
  return html + (grid.empty() ? "" : "<div class=\"pair\">" + grid + "</div>");
}

std::string routing_section(const Report& report) {
  if (report.routing.empty()) {
    return "";
  }
  std::string html = "<h2>Routing</h2><p>Where each domain's validation tokens went: for FFN experts "
                     "the share of tokens sent to each, for attention experts the mean gate. Rows are "
                     "layers.</p>";
  int count = 0;
  for (const auto& picture : report.routing) {
    HeatPlot plot{"layer", {}};
    for (const auto& domain : picture.domains) {
      plot.blocks.push_back({domain.domain, domain.layers});
    }
    html += figure(svg_of(plot, "routing" + std::to_string(count++)), picture.title);
  }
  return html;
}

}  // namespace

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string html_of(const Report& report) {
  std::string html = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                     "<title>" + escaped(report.title) + "</title>\n<style>" + kStyle +
                     "</style></head>\n<body><main>\n<h1>" + escaped(report.title) +
                     "</h1>\n<p>Branch-Attend-Mix: a seed model, its branches, and the mixtures made "
                     "of them.</p>\n";
  if (report.results && !report.results->models.empty()) {
    html += results_section(report);
  }
  html += losses_section(report) + routing_section(report);
  return html + "</main></body></html>\n";
}

}  // namespace bam
