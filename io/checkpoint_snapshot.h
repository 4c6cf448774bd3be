#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "io/checkpoint_draft.h"
#include "parallel/sharded_optimizer.h"

namespace bam {

/// What one rank writes of a checkpoint: the states of its tiles, in the file's order. Either as
/// they are in the optimiser, or copies of them in memory that was taken and touched beforehand, so
/// that training may go on while they are written.
class CheckpointSnapshot {
 public:
  /// One state of one tile.
  struct Part {
    std::int64_t data_set = 0;  // index into the layout's
    std::int64_t tile = 0;      // of that data set
    std::int64_t offset = 0;    // in data.h5, bytes
    std::span<const std::byte> bytes;
  };

  /// Of the tiles themselves: they must not change while parts() are written.
  CheckpointSnapshot(const proto::Manifest& layout, const std::vector<ParameterSpec>& specs,
                     std::span<const OwnedTile> tiles);
  /// Of copies in the stream's memory, set by capture(). Parts that follow each other in the file
  /// do so in memory, and lie at the same place in a block (UncachedFile) of both.
  CheckpointSnapshot(const proto::Manifest& layout, const std::vector<ParameterSpec>& specs,
                     std::span<const OwnedTile> tiles, Stream& stream);

  /// Copies the tiles' present values, on OpenMP's threads.
  void capture();
  std::span<const Part> parts() const { return parts_; }
  /// Bytes of all parts, and of the memory for copies.
  std::int64_t bytes() const;
  std::int64_t staging_bytes() const { return static_cast<std::int64_t>(staging_.bytes()); }

 private:
  std::vector<Part> parts_;                          // ascending offsets
  std::vector<std::span<const std::byte>> sources_;  // of the parts; empty: no copies
  Tensor staging_;
};

}  // namespace bam
