#pragma once

#include <filesystem>
#include <iosfwd>
#include <nlohmann/json.hpp>

namespace bam {

/// What two checkpoints differ in, every tile of both read and checked:
///
///   {"a", "b": paths,
///    "fields": [{"field": "config.training.steps", "a", "b"}],    those that differ; null: absent
///    "data_sets": [{"path", "shape_a", "shape_b"; of those with one shape also "elements",
///                   "differing", "largest", "norm", "norm_a", "norm_b"}],
///    "differing": of the data sets}
///
/// differing: elements whose bits differ; largest: the greatest absolute difference; norm: the L2
/// norm of a - b, beside those of a and of b. Throws BadInput where one is no checkpoint or
/// damaged.
nlohmann::json difference_of_checkpoints(const std::filesystem::path& a,
                                         const std::filesystem::path& b);

/// The same as text.
void print_difference(const nlohmann::json& difference, std::ostream& out);

}  // namespace bam
