#include "io/strict_json.h"

#include <set>
#include <utility>
#include <vector>

#include "io/utf8.h"
#include "runtime/check.h"

namespace bam {
namespace {

using nlohmann::json;

constexpr std::size_t kLongestExcerpt = 200;  // bytes

/// Follows the parser: the library itself takes a repeated key's last value without a word.
class Watch {
 public:
  Watch(const std::string& source, const JsonLimits& limits) : source_(source), limits_(limits) {}

  void see(int depth, json::parse_event_t event, const json& parsed) {
    switch (event) {
      case json::parse_event_t::object_start:
        open(depth);
        keys_.emplace_back();
        break;
      case json::parse_event_t::array_start:
        open(depth);
        break;
      case json::parse_event_t::value:
        count();
        break;
      case json::parse_event_t::key:
        add_key(parsed.get_ref<const std::string&>());
        break;
      case json::parse_event_t::object_end:
        keys_.pop_back();
        break;
      case json::parse_event_t::array_end:
        break;
    }
  }

 private:
  void open(int depth) {
    check_input(depth < limits_.depth, source_, ": objects and lists more than ", limits_.depth,
                " deep");
    count();
  }
  void count() {
    check_input(++values_ <= limits_.values, source_, ": more than ", limits_.values, " values");
  }
  void add_key(const std::string& key) {
    check_input(keys_.back().insert(key).second, source_, ": ", escaped(key), ": is given twice");
  }

  const std::string& source_;
  JsonLimits limits_;
  std::int64_t values_ = 0;
  std::vector<std::set<std::string>> keys_;  // of the objects that are open
};

}  // namespace

std::string escaped(std::string_view text) {
  const bool is_long = text.size() > kLongestExcerpt;
  return json(text.substr(0, kLongestExcerpt))
             .dump(-1, ' ', /*ensure_ascii=*/true, json::error_handler_t::replace) +
         (is_long ? "..." : "");
}

json parse_strict_json_value(std::string_view text, const std::string& source,
                             const JsonLimits& limits) {
  const std::size_t valid = valid_utf8_prefix(text);
  check_input(valid == text.size(), source, ": byte ", valid, " of its JSON is not UTF-8");
  Watch watch(source, limits);
  json parsed;
  try {
    parsed = json::parse(text, [&watch](int depth, json::parse_event_t event, const json& value) {
      watch.see(depth, event, value);
      return true;
    });
  } catch (const json::exception& error) {
    throw BadInput(source +
                   ": is not JSON: " + std::string(error.what()).substr(0, kLongestExcerpt));
  }
  return parsed;
}

json parse_strict_json(std::string_view text, const std::string& source, const JsonLimits& limits) {
  json parsed = parse_strict_json_value(text, source, limits);
  check_input(parsed.is_object(), source, ": holds a JSON ", parsed.type_name(),
              " where an object was expected");
  return parsed;
}

}  // namespace bam
