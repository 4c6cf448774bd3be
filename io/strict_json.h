#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace bam {

/// What a JSON text from outside may hold at most.
struct JsonLimits {
  int depth = 16;                   // objects and arrays inside each other
  std::int64_t values = 2'000'000;  // of all kinds, in all
};

/// Reads a JSON object that others wrote. Throws BadInput, naming `source`, for anything else:
/// bytes that are not UTF-8, malformed JSON, a key given twice in an object, more than the limits.
nlohmann::json parse_strict_json(std::string_view text, const std::string& source,
                                 const JsonLimits& limits = {});
/// The same for JSON of any kind, a list for example.
nlohmann::json parse_strict_json_value(std::string_view text, const std::string& source,
                                       const JsonLimits& limits = {});

/// A text from outside as it may stand in a message: quoted, escaped, cut where it is long.
std::string escaped(std::string_view text);

}  // namespace bam
