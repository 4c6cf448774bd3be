#pragma once

#include <string>
#include <vector>

namespace bam {

/// "1,0.5,2" as numbers. Throws BadInput, naming the option, for anything that is not a finite
/// number.
std::vector<double> number_list(const std::string& text, const std::string& option);

/// The same for `count` things: one number for all of them, or one for each.
std::vector<double> numbers_for_each(const std::string& text, const std::string& option,
                                     std::size_t count);

}  // namespace bam
