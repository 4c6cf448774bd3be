#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "runtime/tensor.h"

namespace bam {

/// One thing that an HDF5 file holds.
struct Hdf5Object {
  enum class Kind { kGroup, kDataSet, kLink, kOther };
  std::string path;
  Kind kind = Kind::kOther;
  std::string type;  // of a data set's elements: "fp32", "int64", "compound", ...
  std::string
      storage;  // "contiguous", "chunked", "compact", "virtual"; of a link "soft", "external"
  Shape shape;  // of a data set; none for a scalar
  std::int64_t bytes = 0;   // in the file
  std::int64_t offset = 0;  // of a contiguous data set's first byte; 0 for one without bytes
};

/// Everything in an HDF5 file, by any hard link and in the order of the paths; soft and external
/// links are listed and not followed, and no element is read. The HDF5 library can crash on a file
/// with damaged metadata: one that no hash vouches for is listed in a process of its own. Throws
/// BadInput, naming the file, where it cannot be walked.
std::vector<Hdf5Object> list_hdf5(const std::filesystem::path& path);

}  // namespace bam
