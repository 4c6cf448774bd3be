#pragma once

#include <map>
#include <string>
#include <vector>

#include "io/results.h"

namespace bam {

/// Rows of text, the first one the heading: a column a field, the first aligned left.
using Table = std::vector<std::vector<std::string>>;

/// The paper's Table 1: perplexity of each model on each domain and their average; then what each
/// row cost: tokens of its phase and of all phases behind it, and the phase's compute.
/// titles: what a model is called in print, by name; the name itself where it is not in there.
Table perplexity_table(const Results& results, const std::map<std::string, std::string>& titles);

/// The table in columns of a terminal.
std::string text_of(const Table& table);

/// 1234567 as "1.2 M", in steps of 1000 up to peta.
std::string short_number(double value);

}  // namespace bam
