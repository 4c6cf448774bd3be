#include "io/metrics_reader.h"

#include <sstream>
#include <string>

#include "io/text_file.h"

namespace bam {

std::vector<nlohmann::json> read_metrics(const std::filesystem::path& file) {
  std::istringstream text(read_file(file));
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(text, line);) {
    auto parsed = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (parsed.is_object()) {
      lines.push_back(std::move(parsed));
    }
  }
  return lines;
}

}  // namespace bam
