#include "io/metrics.h"

#include <string>

#include "io/text_file.h"
#include "runtime/check.h"

namespace bam {
namespace {

std::string lines_up_to(const std::filesystem::path& path, std::int64_t last_step) {
  std::ifstream file(path);
  std::string kept;
  for (std::string line; std::getline(file, line);) {
    const auto parsed = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (parsed.is_object() && parsed.value("step", last_step + 1) <= last_step) {
      kept += line + "\n";
    }
  }
  return kept;
}

}  // namespace

MetricsLog::MetricsLog(const std::filesystem::path& path, std::int64_t last_step) : path_(path) {
  write_file(path, std::filesystem::exists(path) ? lines_up_to(path, last_step) : "");
  file_.open(path, std::ios::app);
  check_input(file_.is_open(), path.string(), ": cannot be written");
}

void MetricsLog::write(const nlohmann::json& line) {
  file_ << line.dump() << "\n" << std::flush;
  check(file_.good(), path_.string(), ": cannot be written");
}

}  // namespace bam
