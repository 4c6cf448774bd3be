#include "io/metrics.h"

#include <fstream>
#include <span>

#include "io/text_file.h"

namespace bam {
namespace {

std::string lines_up_to(const std::filesystem::path& path, std::int64_t last_step) {
  std::ifstream file(path);
  std::string kept;
  for (std::string line; std::getline(file, line);) {
    const auto parsed = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    const auto step = parsed.is_object() ? parsed.value("step", nlohmann::json()) : nlohmann::json();
    if (step.is_number() && step.get<double>() <= static_cast<double>(last_step)) {
      kept += line + "\n";
    }
  }
  return kept;
}

OpenFile with_lines_up_to(const std::filesystem::path& path, std::int64_t last_step) {
  write_file(path, std::filesystem::exists(path) ? lines_up_to(path, last_step) : "");
  return {path, OpenFile::Mode::kCreate};
}

}  // namespace

MetricsLog::MetricsLog(const std::filesystem::path& path, std::int64_t last_step)
    : file_(with_lines_up_to(path, last_step)), bytes_(file_.size()) {}

void MetricsLog::write(const nlohmann::json& line) {
  waiting_ += line.dump() + "\n";
  write_at(file_.descriptor(), file_.path(), bytes_,
           std::as_bytes(std::span(waiting_.data(), waiting_.size())));
  bytes_ += std::ssize(waiting_);
  waiting_.clear();
}

}  // namespace bam
