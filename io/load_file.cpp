#include "io/load_file.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>
#include <string_view>

#include "io/routing_trace.h"
#include "io/strict_json.h"
#include "io/text_file.h"
#include "runtime/check.h"

namespace bam {
namespace {

using nlohmann::json;

std::string_view trimmed(std::string_view text) {
  constexpr const char* kBlank = " \t\r";
  const std::size_t begin = text.find_first_not_of(kBlank);
  return begin == text.npos ? std::string_view()
                            : text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

double checked(double load, const std::string& at) {
  check_input(std::isfinite(load) && load >= 0, at, ": ", load,
              " where a finite number of at least 0 was expected");
  return load;
}

double number_of(std::string_view field, const std::string& at) {
  double load = 0;
  const auto read = std::from_chars(field.data(), field.data() + field.size(), load);
  check_input(read.ec == std::errc() && read.ptr == field.data() + field.size(), at, ": ",
              escaped(field), " where a number was expected");
  return checked(load, at);
}

std::vector<double> row_of(std::string_view line, const std::string& at) {
  std::vector<double> row;
  for (std::size_t begin = 0; begin <= line.size();) {
    const std::size_t end = std::min(line.find(',', begin), line.size());
    row.push_back(number_of(trimmed(line.substr(begin, end - begin)),
                            message_of(at, ": field ", row.size() + 1)));
    begin = end + 1;
  }
  return row;
}

std::vector<LoadMatrix> windows_of_csv(std::string_view text, const std::string& source) {
  std::vector<LoadMatrix> windows;
  bool is_open = false;  // the last window takes more lines
  std::int64_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = trimmed(text.substr(begin, end - begin));
    begin = end + 1;
    ++number;
    if (line.starts_with('#')) {
      continue;
    }
    if (line.empty()) {
      is_open = false;
      continue;
    }
    if (!is_open) {
      windows.emplace_back();
      is_open = true;
    }
    const std::string at = message_of(source, ":", number);
    windows.back().push_back(row_of(line, at));
    const std::size_t wanted = windows.front().front().size();
    check_input(windows.back().back().size() == wanted, at, ": ", windows.back().back().size(),
                " experts where the first line has ", wanted);
  }
  return windows;
}

int depth_of(const json& value) {
  return value.is_array() ? 1 + (value.empty() ? 0 : depth_of(value.front())) : 0;
}

LoadMatrix matrix_of(const json& rows, const std::string& at) {
  check_input(rows.is_array(), at, ": a JSON ", rows.type_name(), " where a list was expected");
  LoadMatrix matrix;
  for (std::size_t layer = 0; layer < rows.size(); ++layer) {
    const std::string row_at = message_of(at, "[", layer, "]");
    check_input(rows[layer].is_array(), row_at, ": a JSON ", rows[layer].type_name(),
                " where a list was expected");
    auto& row = matrix.emplace_back();
    for (std::size_t expert = 0; expert < rows[layer].size(); ++expert) {
      const json& load = rows[layer][expert];
      const std::string load_at = message_of(row_at, "[", expert, "]");
      check_input(load.is_number(), load_at, ": a JSON ", load.type_name(),
                  " where a number was expected");
      row.push_back(checked(load.get<double>(), load_at));
    }
  }
  return matrix;
}

std::vector<LoadMatrix> windows_of_json(const json& value, const std::string& at) {
  const int depth = depth_of(value);
  check_input(depth == 2 || depth == 3, at, ": lists ", depth,
              " deep where [layer][expert] or [window][layer][expert] was expected");
  if (depth == 2) {
    return {matrix_of(value, at)};
  }
  std::vector<LoadMatrix> windows;
  for (std::size_t window = 0; window < value.size(); ++window) {
    windows.push_back(matrix_of(value[window], message_of(at, "[", window, "]")));
  }
  return windows;
}

LoadFile loads_of_json(const std::string& text, const std::string& source) {
  const json value = parse_strict_json_value(text, source);
  if (!value.is_object()) {
    return {.attention = {}, .ffn = windows_of_json(value, source + ": loads")};
  }
  LoadFile loads;
  for (const auto& [key, windows] : value.items()) {
    check_input(key == "attention" || key == "ffn", source, ": ", escaped(key),
                " where \"attention\" or \"ffn\" was expected");
    (key == "ffn" ? loads.ffn : loads.attention) = windows_of_json(windows, source + ": " + key);
  }
  check_input(!loads.ffn.empty(), source, ": \"ffn\": missing");
  return loads;
}

LoadFile loads_of_trace(const std::filesystem::path& path, const std::string& domain) {
  LoadFile loads;
  for (TracedLoads& window : read_routing_trace(path, domain)) {
    loads.ffn.push_back(std::move(window.ffn));
    if (!window.attention.empty()) {
      loads.attention.push_back(std::move(window.attention));
    }
  }
  return loads;
}

LoadFile loads_in(const std::filesystem::path& path, const std::string& domain) {
  const std::string source = path.string();
  if (path.extension() == ".jsonl") {
    return loads_of_trace(path, domain);
  }
  check_input(domain.empty(), source, ": knows no domains; only a routing trace (.jsonl) does");
  if (path.extension() == ".csv") {
    return {.attention = {}, .ffn = windows_of_csv(read_file(path), source)};
  }
  check_input(path.extension() == ".json", source,
              ": ends in none of .csv, .json, .jsonl, as loads do");
  return loads_of_json(read_file(path), source);
}

}  // namespace

void check_windows(const std::vector<LoadMatrix>& windows, const std::string& source) {
  check_input(!windows.empty() && !windows.front().empty(), source, ": no loads");
  const std::size_t layers = windows.front().size();
  const std::size_t experts = windows.front().front().size();
  check_input(experts > 0, source, ": layer 0 has no experts");
  double total = 0;
  for (std::size_t window = 0; window < windows.size(); ++window) {
    check_input(windows[window].size() == layers, source, ": window ", window, " has ",
                windows[window].size(), " layers where window 0 has ", layers);
    for (std::size_t layer = 0; layer < layers; ++layer) {
      const auto& row = windows[window][layer];
      check_input(row.size() == experts, source, ": window ", window, ", layer ", layer, " has ",
                  row.size(), " experts where the first has ", experts);
      for (const double load : row) {
        total += checked(load, message_of(source, ": window ", window, ", layer ", layer));
      }
    }
  }
  check_input(std::isfinite(total), source, ": the sum of all loads overflows");
  check_input(total > 0, source, ": all loads are 0");
}

LoadFile read_loads(const std::filesystem::path& path, const std::string& domain) {
  const std::string source = path.string();
  LoadFile loads = loads_in(path, domain);
  check_windows(loads.ffn, source);
  if (!loads.attention.empty()) {
    check_windows(loads.attention, source + ": attention");
    check_input(loads.attention.size() == loads.ffn.size(), source, ": ", loads.attention.size(),
                " windows of attention experts where there are ", loads.ffn.size(),
                " of FFN experts");
    check_input(loads.attention.front().size() == loads.ffn.front().size(), source, ": ",
                loads.attention.front().size(), " layers of attention experts where there are ",
                loads.ffn.front().size(), " of FFN experts");
  }
  return loads;
}

}  // namespace bam
