#pragma once

#include <filesystem>
#include <iosfwd>
#include <nlohmann/json.hpp>

namespace bam {

/// What an HDF5 file, or a checkpoint's, holds as HDF5 sees it:
///
///   {"file", "objects": [{"path", "kind": "group"|"data set"|"link"|"other"; of a data set also
///    "type", "storage", "shape", "bytes", "offset"; of a link "storage": "soft"|"external"}],
///    "data_sets", "bytes"}
///
/// A checkpoint's manifest and the bytes outside its tensors are checked before HDF5 sees the file.
/// Throws BadInput, naming the data set, where HDF5 and the manifest do not agree in one's place.
nlohmann::json tree_of(const std::filesystem::path& path);

/// The same as text.
void print_tree(const nlohmann::json& tree, std::ostream& out);

}  // namespace bam
