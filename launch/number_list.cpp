#include "launch/number_list.h"

#include <charconv>
#include <cmath>

#include "runtime/check.h"

namespace bam {

std::vector<double> number_list(const std::string& text, const std::string& option) {
  std::vector<double> numbers;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    double& number = numbers.emplace_back();
    const auto read = std::from_chars(text.data() + begin, text.data() + end, number);
    check_input(read.ec == std::errc() && read.ptr == text.data() + end && std::isfinite(number),
                option, ": ", text.substr(begin, end - begin), " where a number was expected");
    begin = end + 1;
  }
  return numbers;
}

std::vector<double> numbers_for_each(const std::string& text, const std::string& option,
                                     std::size_t count) {
  std::vector<double> numbers = number_list(text, option);
  check_input(numbers.size() == 1 || numbers.size() == count, option, ": ", numbers.size(),
              " numbers where 1 or ", count, " were expected");
  numbers.resize(count, numbers.front());
  return numbers;
}

}  // namespace bam
