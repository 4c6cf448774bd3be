#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "io/checkpoint_draft.h"

namespace bam {

/// data.h5 before any tile is written: where its data sets lie, and HDF5's own bytes around them.
/// HDF5 makes it once; from then on any thread starts such a file without HDF5.
class BlankDataFile {
 public:
  /// Has HDF5 make it as the draft of a step 0 in `folder`, which is removed again. Throws Error
  /// where the disk has no room for a checkpoint.
  BlankDataFile(const std::filesystem::path& folder, const std::vector<ParameterSpec>& specs,
                const IsStored& is_stored);

  /// The data sets, with their offsets and without hashes.
  const proto::Manifest& layout() const { return layout_; }
  /// Gives an open file its size and HDF5's bytes. Tiles may be in it already, and stay.
  void start(const OpenFile& file) const;

 private:
  struct Piece {
    std::int64_t offset;
    std::vector<std::byte> bytes;
  };

  proto::Manifest layout_;
  std::int64_t file_bytes_ = 0;
  std::vector<Piece> outside_;
};

}  // namespace bam
