#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "io/checkpoint_draft.h"
#include "parallel/sharded_optimizer.h"

namespace bam {

/// What one rank writes of a checkpoint: the states of its tiles, in the file's order. Either as
/// they are in the optimiser, or copies of them in the host's memory that was taken and touched
/// beforehand, so that training may go on while they are written. Tiles on a GPU are always copied.
class CheckpointSnapshot {
 public:
  /// One state of one tile.
  struct Part {
    std::int64_t data_set = 0;  // index into the layout's
    std::int64_t tile = 0;      // of that data set
    std::int64_t offset = 0;    // in data.h5, bytes
    std::span<const std::byte> bytes;
  };

  /// Of the tiles themselves, on the host: they must not change while parts() are written.
  CheckpointSnapshot(const proto::Manifest& layout, const std::vector<ParameterSpec>& specs,
                     std::span<const OwnedTile> tiles);
  /// Of copies, set by capture(): in the stream's memory, or, where that is a GPU's, in pinned
  /// memory of the host. Parts that follow each other in the file do so in memory, and lie at the
  /// same place in a block (UncachedFile) of both.
  CheckpointSnapshot(const proto::Manifest& layout, const std::vector<ParameterSpec>& specs,
                     std::span<const OwnedTile> tiles, Stream& stream);

  /// Copies the tiles' present values, on OpenMP's threads, or from the GPU behind the stream's
  /// work.
  void capture();
  std::span<const Part> parts() const { return parts_; }
  /// Bytes of all parts, and of the memory for copies.
  std::int64_t bytes() const;
  std::int64_t staging_bytes() const { return static_cast<std::int64_t>(staging_.bytes()); }

 private:
  /// Where a part's values are.
  struct Source {
    std::span<const std::byte> bytes;
    Tensor on_gpu;  // (1, elements), if not on the host
  };
  struct Stored;
  explicit CheckpointSnapshot(std::vector<Stored> stored);
  static std::vector<Stored> stored_of(const proto::Manifest& layout,
                                       const std::vector<ParameterSpec>& specs,
                                       std::span<const OwnedTile> tiles);

  std::vector<Part> parts_;                // ascending offsets
  std::vector<Source> sources_;            // of the parts
  Stream* stream_ = nullptr;               // none: no copies
  std::unique_ptr<Memory> pinned_memory_;  // of a GPU's copies
  std::unique_ptr<Stream> pinned_;
  Tensor staging_;
};

}  // namespace bam
