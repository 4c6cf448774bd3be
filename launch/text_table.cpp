#include "launch/text_table.h"

namespace bam {

std::string grouped(std::int64_t number) {
  std::string digits = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return digits;
}

std::string shape_text(const nlohmann::json& shape) {
  std::string text;
  for (const nlohmann::json& extent : shape) {
    text += (text.empty() ? "" : " x ") + std::to_string(extent.get<std::int64_t>());
  }
  return text;
}

}  // namespace bam
