#include "launch/text_table.h"

#include <array>
#include <cstdio>

namespace bam {

std::string grouped(std::int64_t number) {
  std::string digits = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return digits;
}

std::string bytes_text(double bytes) {
  constexpr std::array kUnits = {"B", "kB", "MB", "GB", "TB", "PB"};
  constexpr double kNext = 999.5;  // and what is more would be four digits
  std::size_t unit = 0;
  for (; bytes >= kNext && unit + 1 < kUnits.size(); ++unit) {
    bytes /= 1000;
  }
  const int decimals = unit == 0 || bytes >= 99.95 ? 0 : bytes >= 9.995 ? 1 : 2;
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f %s", decimals, bytes, kUnits[unit]);
  return text.data();
}

std::string shape_text(const nlohmann::json& shape) {
  std::string text;
  for (const nlohmann::json& extent : shape) {
    text += (text.empty() ? "" : " x ") + std::to_string(extent.get<std::int64_t>());
  }
  return text;
}

}  // namespace bam
