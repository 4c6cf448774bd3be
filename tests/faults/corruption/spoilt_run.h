#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/faults/corruption/spoilt_file.h"
#include "tests/io/temporary_folder.h"

namespace bam {

/// Where a tile lies in data.h5.
struct TilePlace {
  std::string data_set;
  std::int64_t tile = 0;            // in the data set
  std::int64_t begin = 0, end = 0;  // bytes

  /// What a refusal says of it.
  std::string name() const;
};

/// A run folder with two whole checkpoints of a small mixture, step-2 and step-3, of which the
/// newer is spoilt.
class SpoiltRun {
 public:
  static constexpr std::int64_t kOlder = 2, kNewer = 3;  // steps

  SpoiltRun();

  std::filesystem::path path() const { return folder_ / "run"; }
  std::filesystem::path older() const { return path() / "step-2"; }
  std::filesystem::path newer() const { return path() / "step-3"; }
  const SpoiltFile& data() const { return data_; }
  const SpoiltFile& manifest() const { return manifest_; }
  const SpoiltFile& latest() const { return latest_; }
  const SpoiltFile& older_data() const { return older_data_; }
  const SpoiltFile& older_manifest() const { return older_manifest_; }
  /// The tiles of the newer checkpoint, in the order of their bytes.
  const std::vector<TilePlace>& tiles() const { return tiles_; }
  /// Offsets of data.h5 outside all tiles: HDF5's own bytes.
  const std::vector<std::int64_t>& outside() const { return outside_; }

  void restore() const;

 private:
  TemporaryFolder folder_;
  bool is_made_;
  SpoiltFile data_, manifest_, latest_, older_data_, older_manifest_;
  std::vector<TilePlace> tiles_;
  std::vector<std::int64_t> outside_;
};

}  // namespace bam
