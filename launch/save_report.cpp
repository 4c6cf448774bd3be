#include "launch/save_report.h"

#include <cstdio>

#include "launch/text_table.h"

namespace bam {
namespace {

std::string written(const SaveReport& report) {
  char text[128];
  std::snprintf(text, sizeof text, "%s written in %.2f s, training waited %.2f s",
                bytes_text(static_cast<double>(report.bytes)).c_str(), report.write_seconds,
                report.blocked_seconds);
  return text;
}

}  // namespace

nlohmann::json json_of(const SaveReport& report) {
  nlohmann::json json = {{"step", report.step},
                         {"blocked_seconds", report.blocked_seconds},
                         {"write_seconds", report.write_seconds},
                         {"bytes", report.bytes}};
  if (!report.failure.empty()) {
    json["failure"] = report.failure;
  }
  return json;
}

std::string text_of(const SaveReport& report, const std::filesystem::path& run) {
  const std::string name = (run / step_folder(report.step)).string() + ": ";
  return name + (report.failure.empty()
                     ? written(report)
                     : "not written, what was saved before stands: " + report.failure);
}

}  // namespace bam
