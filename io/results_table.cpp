#include "io/results_table.h"

#include <algorithm>
#include <array>
#include <iomanip>
#include <sstream>

namespace bam {
namespace {

std::string fixed(double value, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

std::string title_of(const std::string& name, const std::map<std::string, std::string>& titles) {
  const auto found = titles.find(name);
  return found == titles.end() ? name : found->second;
}

/// Half the width of the interval, which is what fits in a table.
std::string with_margin(const Interval& interval) {
  return fixed(interval.value, 2) + " ±" + fixed((interval.high - interval.low) / 2, 2);
}

/// Characters shown: UTF-8 bytes that start one.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

std::string short_number(double value) {
  constexpr std::array kUnits = {"", " k", " M", " G", " T", " P"};
  std::size_t unit = 0;
  while (value >= 999.95 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return fixed(value, unit == 0 ? 0 : 1) + kUnits[unit];
}

Table perplexity_table(const Results& results, const std::map<std::string, std::string>& titles) {
  std::vector<std::string> heading = {"model"};
  heading.insert(heading.end(), results.domains.begin(), results.domains.end());
  for (const char* column : {"average", "parameters", "active", "tokens", "all tokens", "FLOP"}) {
    heading.emplace_back(column);
  }
  Table table = {heading};
  for (const auto& model : results.models) {
    std::vector<std::string> row = {title_of(model.name, titles)};
    for (const auto& domain : results.domains) {
      row.push_back(with_margin(model.perplexity.at(domain)));
    }
    row.push_back(fixed(model.average, 2));
    for (const double count :
         {static_cast<double>(model.parameters.total), static_cast<double>(model.parameters.active),
          static_cast<double>(model.tokens_phase), static_cast<double>(model.tokens_cumulative),
          model.flops}) {
      row.push_back(short_number(count));
    }
    table.push_back(std::move(row));
  }
  return table;
}

std::string text_of(const Table& table) {
  std::vector<std::size_t> widths(table.empty() ? 0 : table.front().size());
  for (const auto& row : table) {
    for (std::size_t column = 0; column < row.size(); ++column) {
      widths[column] = std::max(widths[column], width_of(row[column]));
    }
  }
  std::string text;
  for (std::size_t line = 0; line < table.size(); ++line) {
    for (std::size_t column = 0; column < table[line].size(); ++column) {
      const std::string& cell = table[line][column];
      const std::string padding(widths[column] - width_of(cell), ' ');
      text += column == 0 ? cell + padding : "  " + padding + cell;
    }
    text += '\n';
    if (line == 0) {
      for (std::size_t column = 0; column < widths.size(); ++column) {
        text += std::string(widths[column] + (column == 0 ? 0 : 2), '-');
      }
      text += '\n';
    }
  }
  return text;
}

}  // namespace bam
