#include "tests/faults/fault_report.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "io/content_hash.h"
#include "io/results_table.h"
#include "io/text_file.h"
#include "launch/text_table.h"
#include "runtime/check.h"

namespace bam {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

template <class Value>
json middle_and_worst(std::vector<Value> values) {
  if (values.empty()) {
    return nullptr;
  }
  std::ranges::sort(values);
  return {{"median", values[values.size() / 2]}, {"worst", values.back()}};
}

std::string digits(double value) { return message_of(std::round(value * 100) / 100); }

std::string seconds_text(const json& seconds) {
  return seconds.is_null() ? "" : digits(seconds["median"]) + " / " + digits(seconds["worst"]);
}

/// "F5" as 5, to put rows in order.
int number_of(const json& row) { return std::atoi(row["fault"].get<std::string>().c_str() + 1); }

std::vector<json> rows_in(const fs::path& folder) {
  std::vector<json> rows;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename().string().starts_with("F")) {
      rows.push_back(json::parse(read_file(entry.path())));
    }
  }
  std::ranges::sort(rows, [](const json& a, const json& b) {
    return std::pair(number_of(a), a["injection"].get<std::string>()) <
           std::pair(number_of(b), b["injection"].get<std::string>());
  });
  return rows;
}

std::vector<std::string> cells_of(const json& row) {
  const std::int64_t trials = row["trials"];
  // Three flawless trials bound nothing.
  const bool has_bound = row["detected"] == trials && row["bad_accepted"] == 0 && trials > 3;
  return {row["fault"],
          row["injection"],
          grouped(trials),
          grouped(row["detected"]),
          grouped(row["bad_accepted"]),
          has_bound ? "< " + digits(300.0 / static_cast<double>(trials)) + " %" : "-",
          seconds_text(row["seconds"]),
          row["steps_lost"].is_null() ? "" : message_of(row["steps_lost"]["worst"]),
          row["goal"]};
}

}  // namespace

void FaultTally::add(std::int64_t count, const FaultTrial& each) {
  trials_.insert(trials_.end(), static_cast<std::size_t>(count), each);
}

std::int64_t FaultTally::detected() const {
  return std::ranges::count_if(trials_, &FaultTrial::detected);
}

std::int64_t FaultTally::bad_accepted() const {
  return std::ranges::count_if(trials_, &FaultTrial::bad_accepted);
}

FaultTally::~FaultTally() {
  const std::string text = row_json().dump(2);
  std::cout << text << std::endl;
  const char* folder = std::getenv("BAM_FAULT_ROWS");
  if (folder == nullptr) {
    return;
  }
  const std::string name = hex_of(hash_of(row_.injection)).substr(0, 8);
  std::ofstream(fs::path(folder) / (row_.fault + "-" + name + ".json")) << text << "\n";
}

json FaultTally::row_json() const {
  std::vector<double> seconds;
  std::vector<std::int64_t> steps;
  for (const FaultTrial& trial : trials_) {
    if (trial.seconds) {
      seconds.push_back(*trial.seconds);
    }
    if (trial.steps_lost) {
      steps.push_back(*trial.steps_lost);
    }
  }
  return {{"fault", row_.fault},
          {"injection", row_.injection},
          {"goal", row_.goal},
          {"trials", trials()},
          {"detected", detected()},
          {"bad_accepted", bad_accepted()},
          {"seconds", middle_and_worst(std::move(seconds))},
          {"steps_lost", middle_and_worst(std::move(steps))}};
}

bool is_long_form() { return std::getenv("BAM_FAULTS_LONG") != nullptr; }

int fault_trials(int short_form, int long_form) { return is_long_form() ? long_form : short_form; }

std::string write_fault_report(const fs::path& rows) {
  Table table = {{"fault", "injected", "trials", "detected", "bad accepted", "failure rate (95 %)",
                  "seconds, median / worst", "steps lost", "goal"}};
  const std::vector<json> all = rows_in(rows);
  for (const json& row : all) {
    table.push_back(cells_of(row));
  }
  const std::string text = text_of(table);
  write_file(rows / "report.txt", text);
  write_file(rows / "report.json", json(all).dump(2) + "\n");
  return text;
}

}  // namespace bam
