#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace bam {

/// 1234567 as "1,234,567".
std::string grouped(std::int64_t number);

/// Bytes in the unit that fits, powers of 1000: "0 B", "1.23 kB", "45.6 MB", "789 GB".
std::string bytes_text(double bytes);

/// [3, 4] as "3 x 4"; no dimensions as "".
std::string shape_text(const nlohmann::json& shape);

}  // namespace bam
